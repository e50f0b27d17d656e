"""Matching: does a handler's signature go with what the schema declares of its command?"""

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
    """Return a command's arguments, and whether there are further ones, of a union's branches."""
    of = schema.types[command.arguments or EMPTY.name]
    assert isinstance(of, StructDefinition | UnionDefinition)
    shape = shape_of(schema, of)
    return shape.members, bool(shape.branches)


def match(parameters: Parameters, schema: Schema, command: CommandDefinition) -> None:
    """See whether a handler can take what its command takes.

    Each argument has a parameter, with a default if it may be missing; or ``**rest`` takes those
    that have none. Those of a union's branches always go there.

    Raises:
        TypeError: If it can't; the first thing that doesn't match.
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
            yield f"it takes {name!r}, which is no argument of it ({listed})"
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
