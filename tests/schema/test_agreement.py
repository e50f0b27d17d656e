"""The files of a release compared with its QEMU's answer: one interface, read in two ways.

A build of QEMU contains some of the parts under `if`. Its answer doesn't list the configured names,
so they are found here by trying every name; the lists below are exactly the result. The remaining
disagreements are listed too, and docs/schema-agreement.md explains them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from qmpeer.schema import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Condition,
    Definition,
    Entity,
    EnumDefinition,
    Feature,
    Not,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
    introspection_of,
    schema_from_introspection,
    select,
    shape_of,
)
from tests.corpus import own_and_real, qapi_schema, recorded_introspection, recorded_schema

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "schema-agreement.md"
RELEASES: Final = {
    "small-9.2": "small-9.2",
    "2.12.0_x86_64": "v2.12.0",
    "4.2.0_x86_64": "v4.2.0",
    "6.2.0_x86_64": "v6.2.0",
    "7.2.0_x86_64": "v7.2",
}
"""What was recorded, and the files of the same release."""
LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    "small-9.2": frozenset({"CONFIG_DUST", "CONFIG_SLEEVES", "CONFIG_SLOW_MOTOR"}),
    "2.12.0_x86_64": frozenset(),  # there are no conditions yet
    "4.2.0_x86_64": frozenset({"TARGET_ARM", "TARGET_S390X"}),
    "6.2.0_x86_64": frozenset(
        {"CONFIG_COCOA", "CONFIG_FUSE", "CONFIG_GTK", "TARGET_ARM", "TARGET_S390X"}
    ),
    "7.2.0_x86_64": frozenset(
        {"CONFIG_COCOA", "CONFIG_GTK", "CONFIG_VMNET", "TARGET_ARM", "TARGET_S390X"}
    ),
}
"""The names that are not configured in the QEMU that was recorded; all others are, or don't matter
to introspection."""
_OF_OTHER_TARGETS: Final = (
    "command dump-skeys",
    "command query-cpu-model-baseline",
    "command query-cpu-model-comparison",
    "command query-gic-capabilities",
)
_OF_OTHER_DISPLAYS: Final = (
    *("query-display-options->.type:cocoa", "query-display-options->.type:gtk"),
    *("query-display-options->=cocoa", "query-display-options->=gtk"),
)
WITHHELD: Final[Mapping[str, tuple[str, ...]]] = {
    "small-9.2": ("query-discs->[]=vinyl.notes", "query-player->.motor.rate:16-2-3"),
    "2.12.0_x86_64": (),
    "4.2.0_x86_64": _OF_OTHER_TARGETS,
    "6.2.0_x86_64": (
        *("block-export-add().type:fuse", "block-export-add()=fuse"),
        *(*_OF_OTHER_TARGETS, *_OF_OTHER_DISPLAYS),
    ),
    "7.2.0_x86_64": (
        *(*_OF_OTHER_TARGETS, *_OF_OTHER_DISPLAYS),
        *(f"netdev_add().type:vmnet-{kind}" for kind in ("host", "shared", "bridged")),
        *(f"netdev_add()=vmnet-{kind}" for kind in ("host", "shared", "bridged")),
    ),
}
"""What the files have under these names: all that they have and the recording has not."""
REMAINING: Final[Mapping[str, tuple[str, ...]]] = {
    "small-9.2": (),
    "2.12.0_x86_64": (
        "x-blockdev-create()=vdi.preallocation: in the files alone",
        "x-blockdev-create()=vdi.static: in the recording alone",
    ),
    "4.2.0_x86_64": (),
    "6.2.0_x86_64": (),
    "7.2.0_x86_64": (),
}
"""What does not agree once the conditions are settled."""


# --- What does not agree ------------------------------------------------------------------------


def disagreements(files: Schema, recording: Schema) -> list[str]:
    """Return the differences between two models on the wire."""
    return list(_Comparison(files, recording).all())


class _Comparison:
    """A comparison of two models, starting from commands and events; each pair of types once."""

    def __init__(self, files: Schema, recording: Schema) -> None:
        self._files = files
        self._recording = recording
        self._seen = set[tuple[str, str]]()

    def all(self) -> Iterator[str]:
        ours = {_title(entity): entity for entity in self._files.entities}
        theirs = {_title(entity): entity for entity in self._recording.entities}
        yield from _unpaired(ours, theirs, "")
        for title in (title for title in ours if title in theirs):
            yield from self._entity(ours[title], theirs[title])

    def _entity(self, ours: Entity, theirs: Entity) -> Iterator[str]:
        yield from _unequal(ours.name, "features", _features(ours), _features(theirs))
        if isinstance(ours, CommandDefinition) and isinstance(theirs, CommandDefinition):
            yield from _unequal(ours.name, "allow-oob", ours.allow_oob, theirs.allow_oob)
            yield from self._types(ours.returns, theirs.returns, f"{ours.name}->")
        yield from self._types(ours.arguments, theirs.arguments, f"{ours.name}()")

    def _types(self, ours: str | None, theirs: str | None, path: str) -> Iterator[str]:
        pair = (ours or EMPTY.name, theirs or EMPTY.name)
        if pair in self._seen:
            return
        self._seen.add(pair)
        one, other = self._files.types[pair[0]], self._recording.types[pair[1]]
        yield from _unequal(path, "sort", _sort(one), _sort(other))
        yield from _unequal(path, "features", _features(one), _features(other))
        match one, other:
            case Array(), Array():
                yield from self._types(one.element, other.element, f"{path}[]")
            case EnumDefinition(), EnumDefinition():
                yield from _values(one, other, path)
            case AlternateDefinition(), AlternateDefinition():
                yield from _unequal(path, "branches", len(one.branches), len(other.branches))
                for branch, twin in zip(one.branches, other.branches, strict=False):
                    yield from self._types(branch.type, twin.type, f"{path}|{branch.name}")
            case (
                (StructDefinition() | UnionDefinition()),
                (StructDefinition() | UnionDefinition()),
            ):
                yield from self._objects(one, other, path)
            case _:
                pass

    def _objects(
        self,
        ours: StructDefinition | UnionDefinition,
        theirs: StructDefinition | UnionDefinition,
        path: str,
    ) -> Iterator[str]:
        one, other = shape_of(self._files, ours), shape_of(self._recording, theirs)
        members = {member.name: member for member in one.members}
        twins = {member.name: member for member in other.members}
        yield from _unpaired(members, twins, f"{path}.")
        yield from _disordered(path, members, twins)
        for name in (name for name in members if name in twins):
            where, member, twin = f"{path}.{name}", members[name], twins[name]
            yield from _unequal(where, "optional", member.is_optional, twin.is_optional)
            yield from _unequal(where, "features", _features(member), _features(twin))
            yield from self._types(member.type, twin.type, where)
        yield from _unequal(path, "discriminator", one.discriminator, other.discriminator)
        branches = {branch.name: branch.type for branch in one.branches}
        cases = {branch.name: branch.type for branch in other.branches}
        yield from _unpaired(branches, cases, f"{path}=")
        for name in (name for name in branches if name in cases):
            yield from self._types(branches[name], cases[name], f"{path}={name}")


def _values(ours: EnumDefinition, theirs: EnumDefinition, path: str) -> Iterator[str]:
    one = {value.name: value for value in ours.values}
    other = {value.name: value for value in theirs.values}
    yield from _unpaired(one, other, f"{path}:")
    yield from _disordered(path, one, other)
    for name in (name for name in one if name in other):
        features = _features(one[name]), _features(other[name])
        yield from _unequal(f"{path}:{name}", "features", *features)


def _unpaired(ours: Iterable[str], theirs: Iterable[str], path: str) -> Iterator[str]:
    one, other = dict.fromkeys(ours), dict.fromkeys(theirs)
    yield from (f"{path}{name}: in the files alone" for name in one if name not in other)
    yield from (f"{path}{name}: in the recording alone" for name in other if name not in one)


def _disordered(path: str, ours: Iterable[str], theirs: Iterable[str]) -> Iterator[str]:
    one, other = list(ours), list(theirs)
    if one != other and set(one) == set(other):
        yield f"{path}: in another order"


def _unequal(path: str, what: str, ours: object, theirs: object) -> Iterator[str]:
    if ours != theirs:
        yield f"{path}: {what} {ours!r} in the files, {theirs!r} in the recording"


def _title(entity: Entity) -> str:
    return f"{'command' if isinstance(entity, CommandDefinition) else 'event'} {entity.name}"


def _features(part: object) -> list[str]:
    features: tuple[Feature, ...] = getattr(part, "features", ())
    return [feature.name for feature in features]


def _sort(of: Type) -> str:
    if isinstance(of, BuiltIn):
        return of.introspected
    return (
        "object"
        if isinstance(of, StructDefinition | UnionDefinition)
        else type(of).__name__.removesuffix("Definition").lower()
    )


# --- The conditions of a build ------------------------------------------------------------------


def find_left_out(files: Schema, recording: Schema) -> frozenset[str]:
    """Return the names that are not configured, as far as the recording shows.

    A name is not configured if removing the parts that depend on it reduces the disagreements.
    """
    left_out = frozenset[str]()
    fewest = len(disagreements(_without(files, left_out), recording))
    for name in sorted(_condition_names(files)):
        count = len(disagreements(_without(files, left_out | {name}), recording))
        if count < fewest:
            left_out, fewest = left_out | {name}, count
    return left_out


def _without(files: Schema, left_out: frozenset[str]) -> Schema:
    return select(files, lambda name: name not in left_out)


def _condition_names(schema: Schema) -> frozenset[str]:
    definitions = [of for of in schema.types.values() if isinstance(of, Definition)]
    return frozenset(_names_within((*definitions, *schema.entities)))


def _names_within(parts: Iterable[object]) -> Iterator[str]:
    for part in parts:
        yield from _names_of(getattr(part, "condition", None))
        for key in ("features", "members", "values", "branches"):
            yield from _names_within(getattr(part, key, ()))


def _names_of(condition: Condition | None) -> Iterator[str]:
    match condition:
        case None:
            return
        case str():
            yield condition
        case Not():
            yield from _names_of(condition.condition)
        case _:
            for part in condition.conditions:
                yield from _names_of(part)


# --- The tests ----------------------------------------------------------------------------------

SMALL, *QEMUS = RELEASES
recordings = pytest.mark.parametrize("name", own_and_real([SMALL], QEMUS))


@recordings
def test_conditions_are_found(name: str) -> None:
    files, recording = qapi_schema(RELEASES[name]), recorded_schema(name)
    assert find_left_out(files, recording) == LEFT_OUT[name]


@recordings
def test_nothing_but_what_is_known_remains(name: str) -> None:
    files = _without(qapi_schema(RELEASES[name]), LEFT_OUT[name])
    assert sorted(disagreements(files, recorded_schema(name))) == sorted(REMAINING[name])


@recordings
def test_without_conditions_nothing_is_missing_from_the_files(name: str) -> None:
    found = disagreements(qapi_schema(RELEASES[name]), recorded_schema(name))
    withheld = [f"{what}: in the files alone" for what in WITHHELD[name]]
    assert sorted(found) == sorted([*withheld, *REMAINING[name]])


@recordings
def test_answers_are_equal(name: str) -> None:
    """Compare type by type, in QEMU's order and with the numbers that mask the names."""
    files = _without(qapi_schema(RELEASES[name]), LEFT_OUT[name])
    ours, theirs = introspection_of(files), recorded_introspection(name)
    different = [one for one, other in zip(ours, theirs, strict=True) if one != other]
    assert bool(different) == bool(REMAINING[name])


@pytest.mark.parametrize("name", QEMUS)
def test_document_says_it_all(name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    release = name.partition("_")[0].removesuffix(".0")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {release} "))
    assert set(re.findall("`([A-Z_0-9]+)`", row)) == LEFT_OUT[name]
    for line in REMAINING[name]:
        assert f"`{line.partition(': ')[0]}`" in text


BASE: Final = """
{ 'enum': 'Kind', 'data': [ 'a', { 'name': 'b', 'features': [ 'f' ] } ] }
{ 'struct': 'One', 'data': { 'x': 'int', '*y': 'str' }, 'features': [ 'g' ] }
{ 'union': 'Two', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind', 'data': { 'a': 'One' } }
{ 'alternate': 'Three', 'data': { 's': 'str', 'n': 'null' } }
{ 'command': 'go', 'data': { 'two': [ 'Two' ], 'three': 'Three' }, 'returns': 'One' }
{ 'event': 'GONE', 'data': 'One' }
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("'command': 'go'", "'command': 'run'", ["command go: in the f", "command run: in the r"]),
        ("'event': 'GONE'", "'command': 'GONE'", ["event GONE: in the", "command GONE: in the"]),
        ("'returns'", "'features': [ 'h' ], 'returns'", ["go: features [] in"]),
        ("'returns'", "'allow-oob': true, 'returns'", ["go: allow-oob False"]),
        ("'returns': 'One'", "'returns': 'Kind'", ["go->: sort 'object'", "go->: features"]),
        ("[ 'Two' ]", "'Two'", ["go().two: sort 'array'"]),
        ("'x': 'int'", "'x': 'number'", ["go->.x: sort 'int'"]),
        ("'x': 'int'", "'x': 'uint8'", []),  # introspection calls all of them int
        ("'x': 'int'", "'z': 'int'", ["go->.x: in the files", "go->.z: in the recording"]),
        ("'x': 'int', '*y': 'str'", "'*y': 'str', 'x': 'int'", ["go->: in another order"]),
        ("'*y'", "'y'", ["go->.y: optional True in the files"]),
        ("'x': 'int'", "'x': { 'type': 'int', 'features': [ 'h' ] }", ["go->.x: features []"]),
        (", 'features': [ 'g' ]", "", ["go->: features ['g']"]),
        ("'a', {", "'a', 'c', {", ["go().two[].kind:c: in the r", "go().two[]=c: in the r"]),
        ("'features': [ 'f' ]", "'features': [ 'h' ]", ["go().two[].kind:b: features ['f']"]),
        ("{ 'a': 'One' }", "{ 'b': 'One' }", ["go().two[]=a", "go().two[]=b"]),
        (
            "'data': { 's': 'str', 'n'",
            "'data': { 'n'",
            ["go().three: branches 2", "go().three|s: sort"],
        ),
        ("{ 's': 'str'", "{ 'i': 'bool'", ["go().three|s: sort 'str'"]),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_disagreement_is_seen(
    schema_of: Callable[[str], Schema], old: str, new: str, expected: list[str]
) -> None:
    assert BASE.count(old) == 1
    found = disagreements(schema_of(BASE), schema_of(BASE.replace(old, new)))
    assert all(any(line.startswith(start) for line in found) for start in expected)
    assert all(line.startswith(tuple(expected)) for line in found)


def test_conditions_of_features_members_values_and_branches_are_tried(
    schema_of: Callable[[str], Schema],
) -> None:
    files = schema_of("""
{ 'enum': 'Kind', 'data': [ 'a', { 'name': 'b', 'if': 'VALUE' } ] }
{ 'command': 'go', 'data': { 'kind': 'Kind', '*x': { 'type': 'int', 'if': 'MEMBER' } },
  'features': [ { 'name': 'f', 'if': { 'all': [ 'FEATURE', { 'not': 'ABSENT' } ] } } ] }
""")
    recording = schema_from_introspection(
        introspection_of(select(files, {"VALUE", "FEATURE"}.__contains__))
    )
    assert find_left_out(files, recording) == {"ABSENT", "MEMBER"}
