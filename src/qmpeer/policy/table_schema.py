"""The table of arguments as a schema: what the commands of all releases of QEMU take together.

A member that has several types in the releases, or in the branches of a union, may have each of
them. Enums are plain texts here.
"""

from collections.abc import Iterable
from functools import cache

from qmpeer.effects import human_argument_names
from qmpeer.policy.argument_names import ANY, SCALARS, Names, table
from qmpeer.schema import (
    ANY_INTEGER,
    BUILT_INS,
    AlternateDefinition,
    Array,
    Branch,
    CommandDefinition,
    Member,
    Schema,
    StructDefinition,
)


@cache
def table_schema() -> Schema:
    """Return the schema of all commands in the table."""
    return schema_of(table())


def human_schema(commands: Iterable[str]) -> Schema:
    """Return the schema of human-monitor commands, without those that take options of any name."""
    names: Names = {}
    for command in commands:
        arguments = human_argument_names(command)
        if arguments is not None:
            names[f".{command}"] = {each: {ANY} for each in (*arguments, "cpu-index")}
    return schema_of(names)


def schema_of(names: Names) -> Schema:
    """Return the schema of the commands in a table of names.

    Example:
        >>> schema = schema_of({".stop": {}, ".add": {"id": {"str"}, "file": {"Node", "str"}}})
        >>> [command.name for command in schema.commands()]
        ['add', 'stop']
        >>> [branch.name for branch in schema.types["Node|str"].branches]
        ['str', 'Node']
    """
    builder = _Builder(names)
    commands = tuple(
        CommandDefinition(name=key[1:], arguments=builder.object_type(frozenset({key})))
        for key in sorted(names)
        if key.startswith(".")
    )
    return Schema(builder.types, commands)


class _Builder:
    """A builder of types."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.types = {**BUILT_INS, "int": ANY_INTEGER}

    def type(self, kinds: frozenset[str]) -> str:
        """Return the name of a type whose values have one of these kinds."""
        if not kinds or ANY in kinds:
            return ANY
        lists = frozenset(kind[:-2] for kind in kinds if kind.endswith("[]"))
        objects = frozenset(kind for kind in kinds - SCALARS if not kind.endswith("[]"))
        branches = sorted(kinds & SCALARS)
        if lists:
            branches.append(self._list_type(lists))
        if objects:
            branches.append(self.object_type(objects))
        if len(branches) == 1:
            return branches[0]
        name = "|".join(sorted(kinds))
        both = tuple(Branch(branch, branch) for branch in branches)
        self.types[name] = AlternateDefinition(name=name, branches=both)
        return name

    def _list_type(self, elements: frozenset[str]) -> str:
        element = self.type(elements - {""})
        name = f"[{element}]"
        self.types[name] = Array(name, element)
        return name

    def object_type(self, keys: frozenset[str]) -> str:
        """Return the name of a type that has the members of all of these."""
        name = "|".join(sorted(keys))
        if name not in self.types:
            self.types[name] = StructDefinition(name=name, members=())  # it may contain itself
            merged: dict[str, set[str]] = {}
            for key in keys:
                for member, kinds in self._names.get(key, {}).items():
                    merged.setdefault(member, set()).update(kinds)
            members = tuple(
                Member(member, self.type(frozenset(kinds)), is_optional=True)
                for member, kinds in merged.items()
            )
            self.types[name] = StructDefinition(name=name, members=members)
        return name
