"""The texts about a server's commands and their members, from schemas that have doc comments.

A server's introspection has no texts. They come from QAPI files: those of the user's QEMU, or ours.
"""

import re
from collections.abc import Sequence
from typing import Final

from qmpeer.schema import (
    Array,
    CommandDefinition,
    Documentation,
    Member,
    Schema,
    StructDefinition,
    UnionDefinition,
)

_SENTENCE: Final = re.compile(r"(?<=[.:])\s+(?=[A-Z@])|\n\s*\n")
_BLANKS: Final = re.compile(r"\s+")
_NAME: Final = re.compile(r"@([A-Za-z_][\w.-]*)")


class TextPlace:
    """A type, or a command's arguments, in a schema that has texts; or nowhere.

    Args:
        schema: The schema; None for nowhere.
        type_name: The type.
        documentation: The doc comment with the texts of its members; None for the type's own.
    """

    __slots__ = ("_documentation", "_schema", "_type_name")

    def __init__(
        self,
        schema: Schema | None = None,
        type_name: str | None = None,
        documentation: Documentation | None = None,
    ) -> None:
        self._schema = schema
        self._type_name = type_name
        self._documentation = documentation

    def text(self, name: str) -> str:
        """Return the text about a member; "" if there is none."""
        if self._documentation is not None and name in self._documentation.members:
            return plain(self._documentation.members[name])
        for struct in self._structs():
            documentation = struct.documentation
            if documentation is not None and name in documentation.members:
                return plain(documentation.members[name])
        return ""

    def of_member(self, name: str) -> "TextPlace":
        """Return the place of the type of a member's value."""
        for struct in self._structs():
            for member in _members(struct):
                if member.name == name:
                    return TextPlace(self._schema, member.type)
        return _NOWHERE

    def element(self) -> "TextPlace":
        """Return the place of an array's elements."""
        schema_type = self._type()
        if isinstance(schema_type, Array):
            return TextPlace(self._schema, schema_type.element)
        return _NOWHERE

    def branch(self, name: str) -> "TextPlace":
        """Return the place of a union's branch."""
        schema_type = self._type()
        if isinstance(schema_type, UnionDefinition):
            for branch in schema_type.branches:
                if branch.name == name:
                    return TextPlace(self._schema, branch.type)
        return _NOWHERE

    def _type(self) -> object:
        if self._schema is None or self._type_name is None:
            return None
        return self._schema.types.get(self._type_name)

    def _structs(self) -> Sequence[StructDefinition | UnionDefinition]:
        """Return the type and its bases."""
        found: list[StructDefinition | UnionDefinition] = []
        schema_type = self._type()
        while isinstance(schema_type, StructDefinition | UnionDefinition):
            found.append(schema_type)
            base = schema_type.base
            schema_type = (
                None if base is None or self._schema is None else (self._schema.types.get(base))
            )
        return found


_NOWHERE: Final = TextPlace()


def _members(struct: StructDefinition | UnionDefinition) -> Sequence[Member]:
    return struct.members if isinstance(struct, StructDefinition) else ()


class CommandTexts:
    """The texts about commands, from several schemas; the first one that has a command counts.

    Args:
        sources: The schemas.

    Example:
        >>> from qmpeer.machine.interface import load
        >>> texts = CommandTexts([load()])
        >>> texts.summary("query-status"), texts.summary("no-such-command")
        ("Return the guest's run state.", '')
    """

    def __init__(self, sources: Sequence[Schema] = ()) -> None:
        self._commands: dict[str, tuple[Schema, CommandDefinition]] = {}
        for schema in sources:
            for command in schema.commands():
                if command.documentation is not None:
                    self._commands.setdefault(command.name, (schema, command))

    def summary(self, name: str) -> str:
        """Return the first sentence about a command; "" if there is none."""
        return _SENTENCE.split(self.text(name), maxsplit=1)[0]

    def text(self, name: str) -> str:
        """Return the description of a command; "" if there is none."""
        found = self._commands.get(name)
        if found is None or found[1].documentation is None:
            return ""
        return plain(found[1].documentation.text)

    def arguments(self, name: str) -> TextPlace:
        """Return the place of a command's arguments."""
        found = self._commands.get(name)
        if found is None:
            return _NOWHERE
        schema, command = found
        return TextPlace(schema, command.arguments, command.documentation)


def plain(text: str) -> str:
    """Return a text of a doc comment on one line, with its names unmarked."""
    return _NAME.sub(r"\1", _BLANKS.sub(" ", text).strip())
