"""Queries for parts of a schema: both notations, and the reasons of failures."""

import pytest

from qmpeer.schema import Schema, find, schema_from_qapi
from tests.corpus import qapi_schema, recorded_schema

THERE = [
    "query-discs",
    "DISC_ADDED",
    "query-discs.kind",
    "query-discs.kind?",
    "query-discs.kind=vinyl",
    "query-discs:kind",
    "query-discs:kind=shellac",
    "query-discs:id",
    "query-discs:vinyl.sides",
    "query-discs:vinyl.sides.name",
    "query-discs:laser.pal.lines=integer",
    "add-disc.vinyl.sides.class@deprecated",
    "query-player:state@without-paused",
    "add-disc.kind.laser.region",
    "take-disc.disc=string",
    "take-disc.disc=null",
    "take-disc.disc=array",
    "take-disc.disc.first",
    "take-disc.side=b",
    "take-disc.side=boolean",
    "take-disc.side=bool",
    "take-disc.force@deprecated",
    "take-disc.from=integer",
    "play.seconds=number",
    "play_it_again@deprecated",
    "set-motor.rate=78",
    "set-motor.rate=78@deprecated",
    "set-motor.drives.drives.drives.belts",
    "set-anything.value=object",
    "STARTED.side",
    "VOLUME_CHANGED.import?",
    # libvirt's notation
    "query-discs/arg-type/kind/^vinyl",
    "query-discs/arg-type/*kind",
    "query-discs/ret-type/+vinyl/sides/name",
    "add-disc/arg-type/+laser/+pal/*lines/!int",
    "take-disc/arg-type/disc/!null",
    "take-disc/arg-type/force/$deprecated",
    "play_it_again/$deprecated",
    "STARTED/arg-type/side",
    "count-discs/ret-type/!integer",
]

MISSING: list[tuple[str, str, tuple[str, ...]]] = [
    ("add-disc@by-slot", "there is no feature 'by-slot' in add-disc", ()),
    ("query-disks", "there is no command or event 'query-disks'", ("query-discs",)),
    ("STOP", "there is no command or event 'STOP'", ("STOPPED",)),
    ("query-discs.kid", "there is no member 'kid' in the arguments of query-discs", ("kind",)),
    ("add-disc.kind?", "kind of the arguments of add-disc is mandatory", ()),
    ("add-disc.vinyl?", "vinyl of the arguments of add-disc is a branch, not a member", ()),
    ("add-disc.tape", "there is no member 'tape' in the arguments of add-disc", ()),
    (
        "query-discs.kind=vynil",
        "there is no value 'vynil' in kind of the arguments of query-discs",
        ("vinyl",),
    ),
    ("query-discs@deprecated", "there is no feature 'deprecated' in query-discs", ()),
    (
        "take-disc.from=string",
        "from of the arguments of take-disc is int or object, not string",
        (),
    ),
    ("take-disc=vinyl", "the arguments of take-disc is object, not vinyl", ()),
    ("play.name.first", "name of the arguments of play has no members", ()),
    (
        "query-discs.kind=vinyl.x",
        "vinyl of kind of the arguments of query-discs is an enum value, without members",
        (),
    ),
    ("STOPPED:reason", "STOPPED is an event, which returns nothing", ()),
    ("STOPPED.reason", "there is no member 'reason' in the data of STOPPED", ()),
    (
        "set-anything.value.x",
        "value of the arguments of set-anything can be any value, without further structure",
        (),
    ),
    ("stop-now:x", "there is no member 'x' in what stop-now returns", ()),
    ("add-disc/arg-type/+kind", "there is no branch 'kind' in the arguments of add-disc", ()),
    ("add-disc/arg-type/vinyl", "there is no member 'vinyl' in the arguments of add-disc", ()),
    ("query-discs/$unstable", "there is no feature 'unstable' in query-discs", ()),
]

NO_EXPRESSIONS = [
    ("", "found '', expected a command or an event first"),
    (".kind", "found '.kind', expected a command or an event first"),
    ("go..kind", "found '..kind' in 'go..kind', expected .name, :name, =value or @feature"),
    ("go.", "found '.' in 'go.', expected .name, :name, =value or @feature"),
    ("go.a:b", "found ':' within 'go.a:b', expected it after a command"),
    ("go=a?", "found '?' after =a, expected it after a member"),
    ("go@a?", "found '?' after @a, expected it after a member"),
    ("go/kind", "found 'kind' in 'go/kind', expected arg-type or ret-type"),
    ("go/arg-type//a", "found an empty name in 'go/arg-type//a'"),
    ("/arg-type/a", "found an empty name in '/arg-type/a'"),
]


@pytest.fixture(params=["files", "recording"])
def schema(request: pytest.FixtureRequest) -> Schema:
    """Return the schema of a recording, whose omissions the tests don't query."""
    name = "small-9.2"
    return qapi_schema(name) if request.param == "files" else recorded_schema(name)


@pytest.mark.parametrize("expression", THERE)
def test_it_is_there(schema: Schema, expression: str) -> None:
    answer = find(schema, expression)
    assert (answer.is_there, answer.reason, answer.near) == (True, "", ())
    assert str(answer) == f"{expression}: yes"


@pytest.mark.parametrize(
    ("expression", "reason", "near"), MISSING, ids=[case[0] for case in MISSING]
)
def test_it_is_not_there(
    schema: Schema, expression: str, reason: str, near: tuple[str, ...]
) -> None:
    answer = find(schema, expression)
    assert (answer.is_there, answer.reason, answer.near) == (False, reason, near)
    meant = f"; did you mean {near[0]}?" if near else ""
    assert str(answer) == f"{expression}: no: {reason}{meant}"


@pytest.mark.parametrize(
    ("expression", "expected"), NO_EXPRESSIONS, ids=[case[0] for case in NO_EXPRESSIONS]
)
def test_it_is_no_expression(expression: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"^found") as caught:
        find(qapi_schema("small-9.2"), expression)
    assert str(caught.value) == expected


SELECTING = b"""
{ 'enum': 'Driver', 'data': [ 'raw', { 'name': 'gluster', 'features': [ 'deprecated' ] } ] }
{ 'struct': 'Raw', 'data': { 'file': 'str' }, 'features': [ 'dynamic' ] }
{ 'struct': 'Gluster', 'data': { 'volume': 'str' } }
{ 'union': 'Options', 'base': { 'driver': 'Driver' }, 'discriminator': 'driver',
  'data': { 'raw': 'Raw', 'gluster': 'Gluster' } }
{ 'command': 'add', 'data': 'Options', 'boxed': true }
"""


@pytest.mark.parametrize(
    ("expression", "is_there"),
    [
        ("add.driver=gluster", True),
        ("add.driver=gluster.volume", True),
        ("add.driver=raw.volume", False),
        ("add.driver=gluster@deprecated", True),
        ("add.driver=raw@deprecated", False),
        ("add.driver=raw@dynamic", True),
        ("add.gluster@deprecated", False),
    ],
)
def test_a_value_that_selects_a_branch(expression: str, is_there: bool) -> None:
    schema = schema_from_qapi("a.json", lambda _: SELECTING)
    assert find(schema, expression).is_there is is_there
