"""The names of commands' arguments and of events in a schema."""

from collections.abc import Iterator
from typing import Final

from qmpeer.policy.argument_names import ANY, SCALARS, Names
from qmpeer.schema import (
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    EnumDefinition,
    EventDefinition,
    Schema,
    StructDefinition,
    UnionDefinition,
)

_SCALAR_OF: Final = {
    "string": "str",
    "int": "int",
    "number": "number",
    "boolean": "bool",
    "null": "null",
}


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
            kinds = _references(schema, kind)
            table.setdefault(key, {}).setdefault(member, set()).update(kinds)
            for each in kinds:
                inner = each.replace("[]", "")
                if inner not in SCALARS and inner != ANY:
                    todo.append((inner, inner))


def _members(schema: Schema, name: str) -> Iterator[tuple[str, str]]:
    """Give the members of a type, those of all branches included, each with its type's name."""
    match schema.types.get(name):
        case StructDefinition(members=own, base=base):
            yield from ((each.name, each.type) for each in own)
            if base is not None:
                yield from _members(schema, base)
        case UnionDefinition(base=base, branches=branches):
            yield from _members(schema, base)
            for branch in branches:
                yield from _members(schema, branch.type)
        case AlternateDefinition(branches=branches):
            for branch in branches:
                yield from _members(schema, branch.type)


def _references(schema: Schema, name: str) -> set[str]:
    """Return a type as the table has it: its name, with [] for a list; JSON's type for a scalar."""
    match schema.types.get(name):
        case Array(element=element):
            return {f"{each}[]" for each in _references(schema, element)}
        case StructDefinition() | UnionDefinition():
            return {name}
        case AlternateDefinition(branches=branches):
            inner = set[str]().union(*(_references(schema, branch.type) for branch in branches))
            plain = {each for each in inner if each in SCALARS or each.endswith("[]")}
            return plain if plain == inner else {*plain, name}
        case EnumDefinition():
            return {"str"}
        case BuiltIn(json_type=json_type):
            return {ANY if json_type == "value" else _SCALAR_OF[json_type]}
    return {ANY}
