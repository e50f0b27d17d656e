"""Queries for one part of a schema: an argument, a branch, a value, a feature.

An expression begins with a command or an event, followed by any number of steps::

    .name       an argument or a member; or the union branch for this value of the discriminator
    :name       the same, in the return value; only directly after the command
    .name?      ... and it is optional
    =value      it can have this value of an enum, or a value of this kind: null, string, int,
                number, boolean, array, object
    @feature    it has this feature, such as deprecated

For example, ``blockdev-add.qcow2.backing=null`` asks if a qcow2 node accepts null as its backing
file. Array elements and branches of alternates need no step: they are searched, too.

An expression with slashes is in libvirt's notation, as in its virQEMUQAPISchemaPathGet:
``blockdev-add/arg-type/+qcow2/backing/!null``, with ``*name`` for an optional member, ``+branch``,
``^value``, ``!kind`` and ``$feature``.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from qmpeer.messages import near_names
from qmpeer.schema.flattened import shape_of
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import (
    EMPTY,
    Array,
    CommandDefinition,
    Entity,
    EnumDefinition,
    Feature,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)

_Kind: TypeAlias = Literal["inside", "member", "branch", "value", "enum-value", "kind", "feature"]
_STEP: Final = re.compile(r"([.:=@])([^.:=@?]+)(\?)?")
_START: Final = re.compile(r"[^.:=@?]+")


class _PathStep(msgspec.Struct, frozen=True):
    """One step of a path.

    The kind "inside" matches a member or a branch, "value" an enum value or a JSON kind.
    """

    kind: _Kind
    name: str
    must_be_optional: bool = False


class Answer(msgspec.Struct, frozen=True):
    """The answer to a query for one part of a schema.

    Attributes:
        is_there: True if the schema has it.
        expression: The query.
        reason: The step that failed, and the reason; "" if the part exists.
        near: Similar names that exist in the same place.
    """

    is_there: bool
    expression: str
    reason: str = ""
    near: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.is_there:
            return f"{self.expression}: yes"
        near = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"{self.expression}: no: {self.reason}{near}"


class _NotFound(Exception):
    """A step without a match; `depth` is the number of steps that were left."""

    def __init__(self, reason: str, depth: int, near: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.depth = depth
        self.near = tuple(near)


def find(schema: Schema, expression: str) -> Answer:
    """Look up a part of a schema by an expression.

    Conditions are ignored: conditional parts count as present.

    Raises:
        ValueError: If the expression is malformed.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS
        >>> schema = Schema(BUILT_INS, (CommandDefinition(name="query-name"),))
        >>> print(find(schema, "query-name"))
        query-name: yes
        >>> print(find(schema, "query-nmae"))
        query-nmae: no: there is no command or event 'query-nmae'; did you mean query-name?
    """
    name, is_return, steps = _parse(expression)
    try:
        _PathResolver(schema).entity(name, is_return, steps)
    except _NotFound as missing:
        return Answer(False, expression, missing.reason, missing.near)
    return Answer(True, expression)


# --- Reading expressions ------------------------------------------------------------------------


def _parse(expression: str) -> tuple[str, bool, list[_PathStep]]:
    if "/" in expression:
        return _parse_slashes(expression)
    start = _START.match(expression)
    if not start:
        raise ValueError(f"found {expression!r}, expected a command or an event first")
    steps: list[_PathStep] = []
    is_return = False
    position = start.end()
    while position < len(expression):
        found = _STEP.match(expression, position)
        if not found:
            raise ValueError(
                f"found {expression[position:]!r} in {expression!r}, expected .name, :name, =value"
                " or @feature"
            )
        sign, name, mark = found.groups()
        position = found.end()
        if sign == ":":
            if steps:
                raise ValueError(f"found ':' within {expression!r}, expected it after a command")
            is_return = True
        if mark and sign in "=@":
            raise ValueError(f"found '?' after {sign}{name}, expected it after a member")
        kind: _Kind = "value" if sign == "=" else "feature" if sign == "@" else "inside"
        steps.append(_PathStep(kind, name, bool(mark)))
    return start[0], is_return, steps


_SIGNS: Final[dict[str, _Kind]] = {
    "*": "member",
    "+": "branch",
    "^": "enum-value",
    "!": "kind",
    "$": "feature",
}


def _parse_slashes(expression: str) -> tuple[str, bool, list[_PathStep]]:
    name, *words = expression.split("/")
    is_return = False
    if words and words[0] in ("arg-type", "ret-type"):
        is_return = words.pop(0) == "ret-type"
    elif words and not words[0].startswith("$"):
        raise ValueError(f"found {words[0]!r} in {expression!r}, expected arg-type or ret-type")
    if not name or not all(words):
        raise ValueError(f"found an empty name in {expression!r}")
    steps = []
    for word in words:
        kind = _SIGNS.get(word[0], "member")
        text = word[1:] if word[0] in _SIGNS or word[0] == " " else word
        steps.append(_PathStep(kind, text, word[0] == "*"))
    return name, is_return, steps


# --- Resolution ---------------------------------------------------------------------------------


class _PathResolver:
    """A resolver of steps within one schema. Each method raises `_NotFound` without a match."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def entity(self, name: str, is_return: bool, steps: Sequence[_PathStep]) -> None:
        entity = next((e for e in self._schema.entities if e.name == name), None)
        if entity is None:
            names = [e.name for e in self._schema.entities]
            raise _not_found("command or event", name, names, len(steps) + 1)
        if not steps:
            return
        if steps[0].kind == "feature" and len(steps) == 1 and not is_return:
            _need_feature(entity.features, steps[0], name)
            return
        type_name, where = self._top(entity, is_return)
        self._type(type_name, steps, where)

    def _top(self, entity: Entity, is_return: bool) -> tuple[str, str]:
        if not is_return:
            word = "the arguments of" if isinstance(entity, CommandDefinition) else "the data of"
            return entity.arguments or EMPTY.name, f"{word} {entity.name}"
        if isinstance(entity, CommandDefinition):
            return entity.returns or EMPTY.name, f"what {entity.name} returns"
        raise _NotFound(f"{entity.name} is an event, which returns nothing", 0)

    def _type(self, name: str, steps: Sequence[_PathStep], where: str) -> None:
        """Try each kind of value of a type; on failure, report the attempt that got furthest."""
        if not steps:
            return
        step, rest = steps[0], steps[1:]
        kinds = alternatives(self._schema, name)
        failures: list[_NotFound] = []
        if step.kind in ("kind", "value"):
            wanted = _KIND_WORDS.get(step.name, step.name)
            if wanted in kinds and not rest:
                return
            failures.append(self._no_kind(step, kinds, where, len(steps)))
        if step.kind != "kind":
            for schema_type in kinds.values():
                if schema_type is None:
                    continue
                try:
                    self._alternative(schema_type, step, rest, where)
                except _NotFound as missing:
                    failures.append(missing)
                else:
                    return
        if not failures:
            raise _NotFound(f"{where} can be any value, without further structure", len(steps))
        raise min(failures, key=lambda failure: failure.depth)

    def _no_kind(
        self, step: _PathStep, kinds: dict[str, Type | None], where: str, depth: int
    ) -> _NotFound:
        what = "anything" if len(kinds) == len(ALL_KINDS) else " or ".join(kinds)
        return _NotFound(f"{where} is {what}, not {step.name}", depth + 1)

    def _alternative(
        self, schema_type: Type, step: _PathStep, rest: Sequence[_PathStep], where: str
    ) -> None:
        depth = len(rest) + 1
        match schema_type:
            case Array():
                self._type(schema_type.element, [step, *rest], where)
            case StructDefinition() | UnionDefinition() if step.kind in (
                "inside",
                "member",
                "branch",
            ):
                self._inside(schema_type, step, rest, where)
            case EnumDefinition() if step.kind in ("value", "enum-value"):
                self._value(schema_type, step, rest, where)
            case StructDefinition() | UnionDefinition() | EnumDefinition() if (
                step.kind == "feature" and not rest
            ):
                _need_feature(schema_type.features, step, where)
            case StructDefinition() | UnionDefinition():
                raise _NotFound(f"{where} is an object, not an enum", depth + 1)
            case _:
                raise _NotFound(f"{where} has no members", depth + 1)

    def _inside(
        self,
        object_type: StructDefinition | UnionDefinition,
        step: _PathStep,
        rest: Sequence[_PathStep],
        where: str,
    ) -> None:
        shape = shape_of(self._schema, object_type)
        depth = len(rest) + 1
        members = {member.name: member for member in shape.members}
        branches = {branch.name: branch.type for branch in shape.branches}
        if step.kind != "branch" and step.name in members:
            member = members[step.name]
            if step.must_be_optional and not member.is_optional:
                raise _NotFound(f"{step.name} of {where} is mandatory", depth)
            path = f"{step.name} of {where}"
            if rest and rest[0].kind == "feature" and len(rest) == 1:
                self._member_feature(member.type, member.features, rest[0], path)
            elif len(rest) > 1 and rest[0].name in branches and step.name == shape.discriminator:
                self._tagged(member.type, branches[rest[0].name], rest, where)
            else:
                self._type(member.type, rest, path)
        elif step.kind != "member" and step.name in branches:
            if step.must_be_optional:
                raise _NotFound(f"{step.name} of {where} is a branch, not a member", depth)
            self._type(branches[step.name], rest, f"{step.name} of {where}")
        else:
            word = "branch" if step.kind == "branch" else "member"
            names = [] if step.kind == "branch" else list(members)
            names += [] if step.kind == "member" else list(branches)
            raise _not_found(word, step.name, names, depth, where)

    def _tagged(self, tag: str, branch: str, rest: Sequence[_PathStep], where: str) -> None:
        """Resolve steps within a branch.

        A feature may belong to the branch's type, or to the discriminator value that selects it.
        """
        name = f"{rest[0].name} of {where}"
        if rest[1].kind != "feature":
            self._type(branch, rest[1:], name)
            return
        try:
            self._type(branch, rest[1:], name)
        except _NotFound:
            self._type(tag, rest, where)

    def _member_feature(
        self, type_name: str, features: Sequence[Feature], step: _PathStep, where: str
    ) -> None:
        """Look for a feature of a member, then of its type."""
        if step.name not in {feature.name for feature in features}:
            try:
                self._type(type_name, [step], where)
            except _NotFound:
                _need_feature(features, step, where)

    def _value(
        self, enum: EnumDefinition, step: _PathStep, rest: Sequence[_PathStep], where: str
    ) -> None:
        value = next((value for value in enum.values if value.name == step.name), None)
        if value is None:
            names = [value.name for value in enum.values]
            raise _not_found("value", step.name, names, len(rest) + 1, where)
        if not rest:
            return
        if rest[0].kind != "feature" or len(rest) > 1:
            raise _NotFound(f"{step.name} of {where} is an enum value, without members", len(rest))
        _need_feature(value.features, rest[0], f"{step.name} of {where}")


_KIND_WORDS: Final = {"integer": "int", "bool": "boolean", "str": "string"}


def _need_feature(features: Sequence[Feature], step: _PathStep, where: str) -> None:
    names = [feature.name for feature in features]
    if step.name not in names:
        raise _not_found("feature", step.name, names, 1, where)


def _not_found(
    kind: str, name: str, names: Sequence[str], depth: int, where: str = ""
) -> _NotFound:
    place = f" in {where}" if where else ""
    return _NotFound(f"there is no {kind} {name!r}{place}", depth, near_names(name, names))
