"""The documentation behind ``help``: a schema with doc comments, read when first needed."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from qmpeer.errors import QMPError

if TYPE_CHECKING:
    from qmpeer.schema import Entity, Schema

_FILES: Final = ("qapi-schema.json", os.path.join("qapi", "qapi-schema.json"))
"""Where a folder may have the first file of a schema: QEMU's own sources have the second."""
_EXPECTED: Final = "expected QEMU's qapi/qapi-schema.json, or the folder that holds it"


class DocumentationError(Exception):
    """Documentation that can't be read; the sentence gives the reason."""


class Manual:
    """The documentation that ``help`` shows.

    Args:
        schema: A schema with doc comments.
        source: What the user called it; "" for that of qmpeer's own machine, which says nothing
            about what another server should have.

    Attributes:
        schema: The schema.
        source: What the user called it.
        entities: Its commands and events, by their names.
    """

    def __init__(self, schema: "Schema", source: str = "") -> None:
        self.schema: Schema = schema
        self.source: str = source
        self.entities: dict[str, Entity] = {entity.name: entity for entity in schema.entities}
        self._arguments = {
            entity.arguments: entity.documentation.members
            for entity in schema.entities
            if entity.arguments is not None and entity.documentation is not None
        }

    def texts(self, name: str | None) -> Mapping[str, str]:
        """Return the texts for a type's members, values or branches, those of its bases first.

        A type without a name of its own is described with its command or event.
        """
        from qmpeer.schema import Array, BuiltIn  # start: 9 ms

        found: dict[str, str] = {}
        if getattr(self.schema.types.get(name or ""), "is_implicit", False):
            found.update(self._arguments.get(name or "", {}))
        while name is not None and name in self.schema.types:
            of = self.schema.types[name]
            if isinstance(of, BuiltIn | Array):
                break
            if of.documentation is not None:
                found = {**of.documentation.members, **found}
            name = getattr(of, "base", None)
        return found


Documentation: TypeAlias = Callable[[], Manual | None]
"""Returns what help shows, None if there is none; takes a second, and raises DocumentationError."""


def documentation_file(source: str) -> str:
    """Return the file that a source of documentation means.

    Args:
        source: A file, or a folder that holds one.

    Raises:
        OSError: If there is nothing of that name.
        DocumentationError: If the folder holds none.
    """
    os.stat(source)
    if not os.path.isdir(source):
        return source
    for name in _FILES:
        path = os.path.join(source, name)
        if os.path.isfile(path):
            return path
    raise DocumentationError(f"{source} holds no qapi-schema.json")


def documentation_from(source: str) -> Documentation:
    """Return what reads the documentation of a source, once; "" is our own machine's."""

    @cache
    def read() -> Manual:
        return _read(source) if source else _own()

    return read


def _own() -> Manual:
    from qmpeer.machine.interface import load  # start: 80 ms

    return Manual(load())


def _read(source: str) -> Manual:
    from qmpeer.sources import load_schema  # start: 30 ms

    try:
        path = documentation_file(source)
        if not os.path.isfile(path):
            raise DocumentationError(f"{source} is no file; {_EXPECTED}")
        schema = load_schema(path)
    except OSError as error:
        raise DocumentationError(f"{source}: {error.strerror or error}") from error
    except (QMPError, ValueError) as error:
        raise DocumentationError(f"{_first_line(error)}; {_EXPECTED}") from error
    if not any(entity.documentation for entity in schema.entities):
        raise DocumentationError(f"{source} has no documentation in it; {_EXPECTED}")
    return Manual(schema, source)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
