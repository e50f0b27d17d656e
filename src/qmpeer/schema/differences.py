"""The differences between two schemas: removed, changed, deprecated and new parts.

Types are compared by their form on the wire, starting from each command and event, because
introspection hides type names. A type that a client sends may safely accept more in the new schema,
and a type that it receives may safely contain less; the reverse may break the client. So each pair
of types is compared once for each direction, and a change lists all places where the pair is used.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from qmpeer.schema.flattened import Shape, shape_of
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import (
    EMPTY,
    SPECIAL_FEATURES,
    Array,
    CommandDefinition,
    Entity,
    EnumDefinition,
    Feature,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)

Kind: TypeAlias = Literal["gone", "changed", "deprecated", "new"]
_TITLES: Final[dict[Kind, str]] = {
    "gone": "Gone",
    "changed": "Changed",
    "deprecated": "Newly deprecated",
    "new": "New",
}
_SHOWN_PLACES: Final = 3


class Change(msgspec.Struct, frozen=True):
    """One change between two schemas.

    Attributes:
        kind: gone, changed, deprecated or new.
        path: The changed part. ``blockdev-add.qcow2.backing`` is an argument,
            ``query-block:device`` a member of the return value. A branch appears by its name, an
            array's elements don't appear.
        text: A description: "command", "argument, now mandatory", …
        is_breaking: True if a client that uses this part has to change.
        other_paths: Other places where the same type is used.
    """

    kind: Kind
    path: str
    text: str
    is_breaking: bool = False
    other_paths: tuple[str, ...] = ()

    def __str__(self) -> str:
        line = f"{self.path}: {self.text}" if self.text else self.path
        if self.other_paths:
            shown = ", ".join(self.other_paths[:_SHOWN_PLACES])
            more = len(self.other_paths) - _SHOWN_PLACES
            line += f" (also {shown}{f' and {more} more' if more > 0 else ''})"
        return line


class Differences(msgspec.Struct, frozen=True):
    """All changes from one schema to another, in the order of the old schema.

    `str()` lists them by kind, with a ``!`` before those that may break a client.

    Attributes:
        changes: The changes; empty if the schemas are equal.
    """

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def is_breaking(self) -> bool:
        """True if at least one change may break a client."""
        return any(change.is_breaking for change in self.changes)

    def of_kind(self, kind: Kind) -> list[Change]:
        """Return the changes of one kind."""
        return [change for change in self.changes if change.kind == kind]

    def __str__(self) -> str:
        return "\n".join(self._lines()) if self.changes else "no differences"

    def _lines(self) -> Iterator[str]:
        for kind, title in _TITLES.items():
            found = self.of_kind(kind)
            if found:
                yield f"{title}:"
                yield from (f"  {'!' if change.is_breaking else ' '} {change}" for change in found)


def differences(old: Schema, new: Schema) -> Differences:
    """Compare two schemas.

    Conditions are ignored: conditional parts count as present.

    Args:
        old: The schema that a client was written for.
        new: The schema that it will meet.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS, CommandDefinition, EventDefinition, Schema
        >>> stop, cont = CommandDefinition(name="stop"), CommandDefinition(name="cont")
        >>> old = Schema(BUILT_INS, (stop, cont))
        >>> new = Schema(BUILT_INS, (cont, EventDefinition(name="STOP")))
        >>> print(differences(old, new))
        Gone:
          ! stop: command
        New:
            STOP: event
    """
    return Differences(tuple(_Comparison(old, new).changes()))


class _PairChanges:
    """The changes between one pair of types, and the places where the pair is used."""

    __slots__ = ("changes", "paths")

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.changes: list[Change] = []


class _TypePair(NamedTuple):
    """A pair of types to compare, with the direction of its values.

    Attributes:
        old: The type in the old schema.
        new: The type in the new schema.
        is_out: True if the server sends the values.
        moved: For a union's branch, the members that the new union has in all branches.
    """

    old: str
    new: str
    is_out: bool
    moved: frozenset[str]


class _Comparison:
    """A breadth-first comparison of two schemas, starting from their commands and events."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._pairs: dict[_TypePair, _PairChanges] = {}
        self._order: list[_PairChanges] = []
        self._queue: deque[tuple[_TypePair, str, _PairChanges]] = deque()

    def changes(self) -> Iterator[Change]:
        old = {entity.name: entity for entity in self._old.entities}
        new = {entity.name: entity for entity in self._new.entities}
        for name, entity in old.items():
            if name not in new or type(new[name]) is not type(entity):
                self._top().changes.append(Change("gone", name, _entity_kind(entity), True))
            else:
                self._compare_entities(entity, new[name])
        for name, entity in new.items():
            if name not in old or type(old[name]) is not type(entity):
                self._top().changes.append(Change("new", name, _entity_kind(entity)))
        for found in self._order:
            for change in found.changes:
                yield _with_places(change, found.paths)

    def _top(self) -> _PairChanges:
        found = _PairChanges()
        self._order.append(found)
        return found

    # --- Commands and events --------------------------------------------------------------------

    def _compare_entities(self, old: Entity, new: Entity) -> None:
        top = self._top()
        top.changes += _feature_changes(old.name, _entity_kind(old), old.features, new.features)
        if isinstance(old, CommandDefinition) and isinstance(new, CommandDefinition):
            if old.allow_oob and not new.allow_oob:
                top.changes.append(Change("changed", old.name, "no longer out of band", True))
            elif new.allow_oob and not old.allow_oob:
                top.changes.append(Change("changed", old.name, "may come out of band"))
            self._compare(old.arguments, new.arguments, False, f"{old.name}.")
            self._compare(old.returns, new.returns, True, f"{old.name}:")
        else:
            self._compare(old.arguments, new.arguments, True, f"{old.name}.")
        while self._queue:
            self._compare_types(*self._queue.popleft())

    def _compare(
        self,
        old: str | None,
        new: str | None,
        is_out: bool,
        path: str,
        moved: frozenset[str] = frozenset(),
    ) -> None:
        """Queue a pair of types unless it was queued before; record its place."""
        key = _TypePair(old or EMPTY.name, new or EMPTY.name, is_out, moved)
        found = self._pairs.get(key)
        if found is None:
            found = self._pairs[key] = self._top()
            self._queue.append((key, path, found))
        found.paths.append(path)

    # --- Types ----------------------------------------------------------------------------------

    def _compare_types(self, key: _TypePair, path: str, found: _PairChanges) -> None:
        old = alternatives(self._old, key.old)
        new = alternatives(self._new, key.new)
        found.changes += _kind_changes(path, old, new, key.is_out)
        for kind, one in old.items():
            other = new.get(kind)
            if one is not None and other is not None:
                self._compare_alike(one, other, key, path, found)

    def _compare_alike(
        self, old: Type, new: Type, key: _TypePair, path: str, found: _PairChanges
    ) -> None:
        match old, new:
            case Array(), Array():
                self._compare(old.element, new.element, key.is_out, path)
            case EnumDefinition(), EnumDefinition():
                found.changes += _enum_changes(path, old, new, key.is_out)
            case (EnumDefinition(), _) | (_, EnumDefinition()):
                is_wider = isinstance(old, EnumDefinition)
                text = "any string, was an enum" if is_wider else "an enum, was any string"
                # A sender may be allowed more values, a receiver may get fewer.
                is_breaking = is_wider == key.is_out
                found.changes.append(Change("changed", _bare(path), text, is_breaking))
            case (
                (StructDefinition() | UnionDefinition()),
                (StructDefinition() | UnionDefinition()),
            ):
                found.changes += _feature_changes(_bare(path), "type", old.features, new.features)
                one, other = shape_of(self._old, old), shape_of(self._new, new)
                self._compare_members(one, other, key, path, found)
                self._compare_branches(one, other, key, path, found)
            case _:
                pass

    def _compare_members(
        self, old: Shape, new: Shape, key: _TypePair, path: str, found: _PairChanges
    ) -> None:
        before = {member.name: member for member in old.members}
        after = {member.name: member for member in new.members}
        for name, member in before.items():
            if name in after:
                found.changes += _member_changes(path + name, member, after[name], key.is_out)
                self._compare(member.type, after[name].type, key.is_out, f"{path}{name}.")
            elif name not in key.moved:  # a moved one is still in every value
                found.changes.append(self._lost_member(path, name, new))
        for name, member in after.items():
            if name not in before:
                found.changes.append(_new_member(path, member, key.is_out))

    def _lost_member(self, path: str, name: str, new: Shape) -> Change:
        """Return the change for a lost member: it is gone, or it moved into some branches."""
        having = [
            branch.name
            for branch in new.branches
            if any(member.name == name for member in self._branch_members(branch.type))
        ]
        if not having:
            return Change("gone", path + name, _word(path), True)
        text = f"{_word(path)}, now only where {new.discriminator} is {' or '.join(having)}"
        return Change("changed", path + name, text, True)

    def _branch_members(self, name: str) -> Sequence[Member]:
        schema_type = self._new.types[name]
        assert isinstance(schema_type, StructDefinition | UnionDefinition)
        return shape_of(self._new, schema_type).members

    def _compare_branches(
        self, old: Shape, new: Shape, key: _TypePair, path: str, found: _PairChanges
    ) -> None:
        if old.discriminator != new.discriminator:
            # Branches of different discriminators can't be compared one by one.
            if old.discriminator is not None:
                text = f"{_union_by(new)}, was {_union_by(old)}"
                found.changes.append(Change("changed", _bare(path), text, True))
            return
        after = {branch.name: branch.type for branch in new.branches}
        moved = frozenset(m.name for m in new.members) - {m.name for m in old.members}
        for branch in old.branches:
            if branch.name in after:
                where = f"{path}{branch.name}."
                self._compare(branch.type, after[branch.name], key.is_out, where, moved)
        # A removed or new branch is reported as a change of the discriminator's enum.


# --- Changes of one part ------------------------------------------------------------------------


def _member_changes(path: str, old: Member, new: Member, is_out: bool) -> Iterator[Change]:
    if old.is_optional and not new.is_optional:
        yield Change("changed", path, "now mandatory", not is_out)
    elif new.is_optional and not old.is_optional:
        yield Change("changed", path, "now optional", is_out)
    yield from _feature_changes(path, _word(path), old.features, new.features)


def _new_member(path: str, member: Member, is_out: bool) -> Change:
    word = _word(path)
    if is_out or member.is_optional:
        return Change("new", path + member.name, word)
    return Change("changed", path + member.name, f"new mandatory {word}", True)


def _enum_changes(
    path: str, old: EnumDefinition, new: EnumDefinition, is_out: bool
) -> Iterator[Change]:
    before = {value.name: value.features for value in old.values}
    after = {value.name: value.features for value in new.values}
    where = _bare(path)
    for name, features in before.items():
        if name not in after:
            yield Change("gone", f"{where}={name}", "value", not is_out)
        else:
            yield from _feature_changes(f"{where}={name}", "value", features, after[name])
    for name in after:
        if name not in before:
            yield Change("new", f"{where}={name}", "value")


def _kind_changes(
    path: str, old: dict[str, Type | None], new: dict[str, Type | None], is_out: bool
) -> Iterator[Change]:
    less = [kind for kind in old if not _allows(new, kind)]
    more = [kind for kind in new if not _allows(old, kind)]
    if less or more:
        text = f"{_kinds(new)}, was {_kinds(old)}"
        yield Change("changed", _bare(path), text, bool(more if is_out else less))


def _allows(kinds: Iterable[str], kind: str) -> bool:
    # A type of any number accepts integers too.
    return kind in kinds or (kind == "int" and "number" in kinds)


def _kinds(kinds: Sequence[str] | dict[str, Type | None]) -> str:
    return "any value" if len(kinds) == len(ALL_KINDS) else " or ".join(kinds)


def _feature_changes(
    path: str, word: str, old: Iterable[Feature], new: Iterable[Feature]
) -> Iterator[Change]:
    before = [feature.name for feature in old]
    after = [feature.name for feature in new]
    for name in before:
        if name not in after:
            if name in SPECIAL_FEATURES:  # losing one of these breaks no client
                yield Change("changed", path, f"{word}, no longer {name}")
            else:
                yield Change("gone", f"{path}@{name}", "feature", True)
    for name in after:
        if name not in before:
            if name == "deprecated":
                yield Change("deprecated", path, word)
            elif name == "unstable":
                yield Change("changed", path, f"{word}, now unstable")
            else:
                yield Change("new", f"{path}@{name}", "feature")


def _entity_kind(entity: Entity) -> str:
    return "command" if isinstance(entity, CommandDefinition) else "event"


def _word(path: str) -> str:
    """Return the word for the parts below a path; a command's arguments have no further dot."""
    is_argument = path.count(".") == 1 and ":" not in path and not path.isupper()
    return "argument" if is_argument else "member"


def _union_by(shape: Shape) -> str:
    return f"a union by {shape.discriminator}" if shape.discriminator else "no union"


def _bare(path: str) -> str:
    return path[:-1]


def _with_places(change: Change, paths: Sequence[str]) -> Change:
    if len(paths) < 2:
        return change
    first = paths[0]
    others = tuple(other + change.path[len(first) :] for other in paths[1:])
    if not change.path.startswith(first):  # a change of the type itself
        others = tuple(_bare(other) + change.path[len(first) - 1 :] for other in paths[1:])
    return msgspec.structs.replace(change, other_paths=others)
