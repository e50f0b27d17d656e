"""Described objects: what a project's pages describe, and how a reference finds one.

An object has a namespace and a module, both perhaps empty. A reference may name them,
``QMP:block-core.eject``; where it doesn't, those of the page that refers are preferred.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

MODULE = "module"


@dataclass(frozen=True, slots=True)
class DescribedObject:
    """A module, command, event or type that a page describes.

    Attributes:
        name: Its name.
        kind: "module", "command", "event", "enum", "object" or "alternate".
        docname: The page.
        node_id: The anchor on that page.
        namespace: What keeps it apart from its namesakes in another schema.
        module: The module that it belongs to.
        marks: "deprecated", "unstable".
        line: Where on the page it is described.
    """

    name: str
    kind: str
    docname: str
    node_id: str
    namespace: str = ""
    module: str = ""
    marks: tuple[str, ...] = ()
    line: int = 0

    @property
    def full_names(self) -> tuple[str, ...]:
        """The longer names by which a reference can ask for it."""
        by_module = f"{self.module}.{self.name}" if self.module else ""
        names = [by_module] if by_module else []
        if self.namespace:
            names += [f"{self.namespace}:{name}" for name in (self.name, by_module) if name]
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Context:
    """The namespace that a reference is resolved in."""

    namespace: str = ""
    module: str = ""


Objects: TypeAlias = dict[str, list[DescribedObject]]
"""All objects by their names."""


def add(objects: Objects, new: DescribedObject) -> None:
    """Add an object."""
    objects.setdefault(new.name, []).append(new)


def twins(objects: Objects) -> Iterator[tuple[DescribedObject, DescribedObject]]:
    """Give each object that was described before, with the first one that did."""
    for namesakes in objects.values():
        first: dict[tuple[str, bool], DescribedObject] = {}
        for each in sorted(namesakes, key=lambda each: (each.docname, each.line)):
            one = first.setdefault((each.namespace, each.kind == MODULE), each)
            if one is not each:
                yield each, one


def remove_page(objects: Objects, docname: str) -> None:
    """Remove what a page described."""
    for name, namesakes in list(objects.items()):
        kept = [each for each in namesakes if each.docname != docname]
        if kept:
            objects[name] = kept
        else:
            del objects[name]


def every(objects: Objects) -> Iterator[DescribedObject]:
    """Give all objects."""
    for namesakes in objects.values():
        yield from namesakes


def find(
    objects: Objects, target: str, kinds: Container[str], context: Context
) -> list[DescribedObject]:
    """Return the objects that a reference may mean; one is as it should be.

    Example:
        >>> stop = DescribedObject("stop", "command", "page", "stop", "QMP", "run-state")
        >>> find({"stop": [stop]}, "QMP:run-state.stop", {"command"}, Context()) == [stop]
        True
    """
    namespace, colon, rest = target.rpartition(":")
    found = [
        each
        for module, name in _readings(rest)
        for each in objects.get(name, ())
        if each.kind in kinds and module in ("", each.module)
    ]
    if colon:
        return [each for each in found if each.namespace == namespace]
    found = _preferred(found, (each.namespace == context.namespace for each in found))
    return _preferred(found, (each.module == context.module for each in found))


def _readings(name: str) -> Iterator[tuple[str, str]]:
    """Give the modules and names that a name with dots may be; a name may have dots of its own."""
    yield "", name
    parts = name.split(".")
    for at in range(1, len(parts)):
        yield ".".join(parts[:at]), ".".join(parts[at:])


def _preferred(found: list[DescribedObject], is_preferred: Iterable[bool]) -> list[DescribedObject]:
    return [each for each, is_near in zip(found, is_preferred, strict=True) if is_near] or found
