"""Indices: the pages that list all commands, all events and all types."""

from collections import defaultdict
from collections.abc import Iterable
from typing import ClassVar, Final, cast

from sphinx.domains import Index, IndexEntry

from qmpeer.sphinx_domain import objects
from qmpeer.sphinx_domain.objects import Objects


class _KindIndex(Index):
    kinds: ClassVar[tuple[str, ...]] = ()

    def generate(
        self, docnames: Iterable[str] | None = None
    ) -> tuple[list[tuple[str, list[IndexEntry]]], bool]:
        """Return the entries by their first letters."""
        wanted = None if docnames is None else set(docnames)
        letters = defaultdict[str, list[IndexEntry]](list)
        found = objects.every(cast(Objects, self.domain.data["objects"]))
        for each in sorted(found, key=lambda each: (each.name.lower(), each.name, each.namespace)):
            if each.kind in self.kinds and (wanted is None or each.docname in wanted):
                place = ":".join(part for part in (each.namespace, each.module) if part)
                marks = ", ".join(each.marks)
                letters[each.name[0].lower()].append(
                    IndexEntry(each.name, 0, each.docname, each.node_id, place, "", marks)
                )
        return sorted(letters.items()), False


class CommandIndex(_KindIndex):
    """The index of commands."""

    name = "commands"
    localname = "Commands"
    kinds: ClassVar[tuple[str, ...]] = ("command",)


class EventIndex(_KindIndex):
    """The index of events."""

    name = "events"
    localname = "Events"
    kinds: ClassVar[tuple[str, ...]] = ("event",)


class TypeIndex(_KindIndex):
    """The index of types."""

    name = "types"
    localname = "Types"
    kinds: ClassVar[tuple[str, ...]] = ("enum", "object", "alternate")


INDICES: Final = (CommandIndex, EventIndex, TypeIndex)
