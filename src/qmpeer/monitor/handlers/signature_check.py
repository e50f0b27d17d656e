"""The check of a handler's signature against the schema's declaration of its command."""

from collections.abc import Iterable

from qmpeer.monitor.handlers.parameters import Parameters
from qmpeer.schema import (
    EMPTY,
    CommandDefinition,
    Member,
    Schema,
    StructDefinition,
    UnionDefinition,
    shape_of,
)


def declared_members(schema: Schema, command: CommandDefinition) -> tuple[tuple[Member, ...], bool]:
    """Return a command's arguments, and whether a union's branches add others."""
    arguments = schema.types[command.arguments or EMPTY.name]
    assert isinstance(arguments, StructDefinition | UnionDefinition)
    shape = shape_of(schema, arguments)
    return shape.members, bool(shape.branches)


def check_signature(parameters: Parameters, schema: Schema, command: CommandDefinition) -> None:
    """Check that a handler accepts all arguments of its command.

    Each argument needs a parameter, with a default if the argument is optional. ``**rest`` takes
    the arguments without a parameter, and always those of a union's branches.

    Raises:
        TypeError: If it doesn't; the error names the first mismatch.
    """
    members, has_branches = declared_members(schema, command)
    own = {member.name: member for member in parameters.members}
    for fault in _faults(own, members, parameters.is_open, has_branches):
        raise TypeError(f"the handler of {command.name}: {fault}")


def _faults(
    own: dict[str, Member], members: tuple[Member, ...], is_open: bool, has_branches: bool
) -> Iterable[str]:
    names = {member.name for member in members}
    for name in own:
        if name not in names:
            listed = ", ".join(repr(name) for name in names) or "none"
            yield f"it takes {name!r}, which isn't an argument of the command ({listed})"
    if has_branches and not is_open:
        yield "the arguments are a union; the members of its branches take a '**rest' parameter"
    for member in members:
        if member.name not in own:
            if not is_open:
                yield f"no parameter takes the argument {member.name!r}"
        elif member.is_optional and not own[member.name].is_optional:
            yield f"the argument {member.name!r} is optional: its parameter needs a default"
        elif own[member.name].is_optional and not member.is_optional:
            yield f"the argument {member.name!r} is mandatory: its parameter has a default"
