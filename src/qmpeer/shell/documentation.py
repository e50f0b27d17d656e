"""The documentation behind ``help``: a schema with doc comments, read when first needed."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from qmpeer.errors import QMPError

if TYPE_CHECKING:
    from qmpeer.schema import Entity, Schema

_FILES: Final = ("qapi-schema.json", os.path.join("qapi", "qapi-schema.json"))
"""Paths of a schema's first file in a folder; QEMU's source tree has the second."""
_EXPECTED: Final = "expected QEMU's qapi/qapi-schema.json, or the folder that holds it"


class DocumentationError(Exception):
    """Documentation can't be read, for the reason in the message."""


class Manual:
    """The documentation that ``help`` shows.

    Args:
        schema: A schema with doc comments.
        source: Its name as the user typed it; "" for the schema of qmpeer's own machine, which
            isn't compared with the server's.

    Attributes:
        schema: The schema.
        source: Its name as the user typed it.
        entities: Its commands and events by name.
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
        """Return the texts about a type's members, values or branches, those of its bases first.

        The members of an implicit type are documented with its command or event.
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
"""Returns the documentation, or None; takes a second, and raises DocumentationError."""


def documentation_file(source: str) -> str:
    """Return the path of the schema file in a source of documentation.

    Args:
        source: A schema file, or a folder that contains one.

    Raises:
        OSError: If the source doesn't exist.
        DocumentationError: If the folder contains no schema file.
    """
    os.stat(source)
    if not os.path.isdir(source):
        return source
    for name in _FILES:
        path = os.path.join(source, name)
        if os.path.isfile(path):
            return path
    raise DocumentationError(f"{source} contains no qapi-schema.json")


def documentation_from(source: str) -> Documentation:
    """Return a function that reads documentation once; "" is the source of our own machine's."""

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
