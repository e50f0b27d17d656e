"""The commands whose arguments a schema doesn't list in full.

Spec: QEMU's `'gen': false`, which introspection doesn't show.
"""

from typing import Final

from qmpeer.schema.model import EMPTY, CommandDefinition, Schema, StructDefinition
from qmpeer.values import JsonObject

_OPEN: Final = frozenset({"device_add", "netdev_add", "object-add"})
"""Commands with open arguments, unless these are a union: netdev_add before 5.0, object-add before
6.0, device_add always. Introspection doesn't show it."""


def has_open_arguments(schema: Schema, command: CommandDefinition) -> bool:
    """Return whether a command accepts arguments that the schema doesn't list."""
    is_struct = isinstance(schema.types[command.arguments or EMPTY.name], StructDefinition)
    return not command.is_generated or (command.name in _OPEN and is_struct)


def listed_arguments(
    schema: Schema, command: CommandDefinition, arguments: JsonObject
) -> JsonObject:
    """Return those arguments of a command that its type decides about.

    These are all, unless the command accepts arguments that the schema doesn't list.
    """
    of = schema.types[command.arguments or EMPTY.name]
    if not has_open_arguments(schema, command) or not isinstance(of, StructDefinition):
        return arguments
    names = {member.name for member in of.members}
    return {name: value for name, value in arguments.items() if name in names}
