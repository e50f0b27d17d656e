"""The names of commands' arguments and of events in a schema."""

from collections.abc import Iterator

from qmpeer.policy.argument_names import ANY, Names
from qmpeer.schema import (
    AlternateDefinition,
    Array,
    CommandDefinition,
    EventDefinition,
    Schema,
    StructDefinition,
    UnionDefinition,
)


def event_names(schema: Schema) -> frozenset[str]:
    """Return the names of a schema's events."""
    return frozenset(each.name for each in schema.entities if isinstance(each, EventDefinition))


def add_schema(table: Names, schema: Schema) -> None:
    """Add the names of one schema to a table."""
    todo: list[tuple[str, str]] = []
    for command in schema.entities:
        if isinstance(command, CommandDefinition):
            table.setdefault(f".{command.name}", {})
            if command.arguments is not None:
                todo.append((f".{command.name}", command.arguments))
    done = set[str]()
    while todo:
        key, name = todo.pop()
        if key in done:
            continue
        done.add(key)
        for member, kind in _members(schema, name):
            table.setdefault(key, {}).setdefault(member, set()).add(kind)
            inner = kind.replace("[]", "")
            if inner and inner != ANY:
                todo.append((inner, inner))


def _members(schema: Schema, name: str) -> Iterator[tuple[str, str]]:
    """Give the members of a type, those of all branches included, each with its own type."""
    match schema.types.get(name):
        case StructDefinition(members=own, base=base):
            yield from ((each.name, _reference(schema, each.type)) for each in own)
            if base is not None:
                yield from _members(schema, base)
        case UnionDefinition(base=base, branches=branches):
            yield from _members(schema, base)
            for branch in branches:
                yield from _members(schema, branch.type)
        case AlternateDefinition(branches=branches):
            for branch in branches:
                yield from _members(schema, branch.type)


def _reference(schema: Schema, name: str) -> str:
    """Return the name of a type that has members, with [] for a list; "" for any other."""
    match schema.types.get(name):
        case Array(element=element):
            return f"{_reference(schema, element)}[]"
        case StructDefinition() | UnionDefinition() | AlternateDefinition():
            return name
    return ANY if name == ANY else ""
