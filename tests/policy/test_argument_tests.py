"""Plain conditions on arguments: values by QMP's types, members that may be missing, lists."""

import pytest

from qmpeer.messages.globs import Glob
from qmpeer.policy.argument_tests import (
    Check,
    Equal,
    InRange,
    Like,
    MemberTest,
    OwnFdSet,
    Presence,
    Under,
)
from qmpeer.policy.cases import SupposedFacts
from qmpeer.values import JsonObject, JsonValue

FACTS = SupposedFacts(fd_sets=frozenset({7}))


def failure(test: MemberTest, arguments: JsonObject) -> str | None:
    return test.failure(arguments, FACTS)


@pytest.mark.parametrize(
    ("expected", "value", "fits"),
    [
        (1, 1, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (False, False, True),
        (False, None, False),
        (False, 0, False),
        (1, 1.0, True),
        (1.5, 1.5, True),
        (1, "1", False),
        (2**53 + 1, float(2**53), False),
        ("", "", True),
        ("", None, False),
        ("a", "A", False),
        ([1, "a"], [1, "a"], True),
        ([1], [True], False),
        ([1], [1, 2], False),
        ([], [], True),
        ([], {}, False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [False]}, {"a": [0]}, False),
        ({}, None, False),
    ],
)
def test_equal_values_are_of_one_type(expected: JsonValue, value: JsonValue, fits: bool) -> None:
    test = MemberTest(("a",), (Equal((expected,)),))
    assert (failure(test, {"a": value}) is None) == fits


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (Equal(("raw",)), "raw", None),
        (Equal(("raw",)), "qcow2", 'found "qcow2", expected "raw"'),
        (Equal(("raw", "qcow2", 3)), "vdi", 'found "vdi", expected "raw", "qcow2" or 3'),
        (InRange(1, 5), 1, None),
        (InRange(1, 5), 5.0, None),
        (InRange(1, 5), 5.1, "found 5.1, expected a number from 1 to 5"),
        (InRange(0, 1), True, "found true, expected a number from 0 to 1"),
        (InRange(None, 5), "3", 'found "3", expected a number of at most 5'),
        (InRange(2**63), 2**64, None),
        (InRange(1), float("nan"), "found null, expected a number from 1"),
        (InRange(1), None, "found null, expected a number from 1"),
        (Like((Glob("drive?"),)), "drive0", None),
        (Like((Glob("drive?"),)), "drive10", 'found "drive10", expected a name like drive?'),
        (Like((Glob("a*"), Glob("b"))), "b", None),
        (Like((Glob("*"),)), 1, "found 1, expected a name like *"),
        (Like((Glob("a[0]"),)), "a[0]", None),
        (Like((Glob("a[0]"),)), "a0", 'found "a0", expected a name like a[0]'),
        (Like((Glob("a*"),)), "a\nb", None),
        (Like((Glob("a"),)), "a\n", r'found "a\n", expected a name like a'),
        (Under(("/srv",)), "/srv/a", None),
        (Under(("/srv",)), "/srv", 'found "/srv", expected a path under /srv'),
        (Under(("/srv", "/var")), "/var/a", None),
        (Under(("/srv",)), "/srv/../etc", 'found "/srv/../etc", expected a path under /srv'),
        (Under(("/srv",)), 5, "found 5, expected a path under /srv"),
        (OwnFdSet(), "/dev/fdset/7", None),
        (OwnFdSet(), "/dev/fdset/8", 'found "/dev/fdset/8", expected /dev/fdset/N with a set that'),
    ],
)  # fmt: skip
def test_checks(check: Check, value: JsonValue, said: str | None) -> None:
    found = failure(MemberTest(("a",), (check,)), {"a": value})
    assert found is None if said is None else found is not None and found.startswith(said)


@pytest.mark.parametrize("value", [False, 0, None, "", [], {}, 0.0])
def test_falsy_is_not_absent(value: JsonValue) -> None:
    assert failure(MemberTest(("a",)), {"a": value}) is None
    assert failure(MemberTest(("a",)), {}) == "found none, expected one"
    absent = MemberTest(("a",), presence=Presence.ABSENT)
    assert failure(absent, {"a": value}) is not None
    assert failure(absent, {}) is None
    optional = MemberTest(("a",), (Equal(("x",)),), Presence.OPTIONAL)
    assert failure(optional, {"a": value}) is not None
    assert failure(optional, {}) is None
    assert failure(optional, {"a": "x"}) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"list": [{"a": 1}, {"a": 1}]}, None),
        ({"list": [{"a": 1}, {"a": 2}]}, "found 2, expected 1"),
        ({"list": [{"a": 1}, {}]}, "found none, expected one"),
        ({"list": []}, None),
        ({}, "found none, expected one"),
        ({"list": {"*": {"a": 1}}}, "found an object, expected a list"),
        ({"list": 5}, "found 5, expected a list"),
        ({"list": [[{"a": 1}]]}, "found a list, expected an object with a"),
        ({"list": ["node0"]}, "found none, expected one"),
        ({"list": [None]}, "found none, expected one"),
    ],
)
def test_each_element_must_fit(arguments: JsonObject, said: str | None) -> None:
    assert failure(MemberTest(("list", "*", "a"), (Equal((1,)),)), arguments) == said


def test_what_it_rules_on() -> None:
    equal, like = MemberTest(("a",), (Equal((1,)),)), MemberTest(("a",), (Like((Glob("*"),)),))
    assert equal.covers_below
    assert not like.covers_below
    assert MemberTest(("a",), presence=Presence.ABSENT).covers_below
    assert not MemberTest(("a",)).covers_below
    assert not equal.needs_nodes


def test_secrets_are_not_told() -> None:
    test = MemberTest(("props", "password"), (Equal(("hidden",)),))
    said = failure(test, {"props": {"password": "guess"}})
    assert said is not None
    assert "guess" not in said
    assert "hidden" not in said
