"""Predicates in CEL: what they take, and what can't be evaluated.

Modules: cel_predicate.
"""

import subprocess
import sys

import pytest

from qmpeer import limits
from qmpeer.policy import PolicyClient
from qmpeer.policy.cel_nodes import PredicateError
from qmpeer.policy.cel_predicate import CelPredicate
from qmpeer.policy.rules import CannotTell
from qmpeer.values import JsonObject, JsonValue
from tests.policy.sample_facts import CLIENT, TextFacts

NODE: JsonObject = {
    "driver": "raw",
    "node-name": "n",
    "file": {"driver": "file", "filename": "/srv/vm/a"},
    "backing": None,
    "read-only": False,
}
FACTS = TextFacts(n="/srv/vm/a")
NOT_UNDER_ETC = 'found "/srv/vm/a", expected a path under /etc'


def failure(text: str, arguments: JsonObject = NODE, client: PolicyClient = CLIENT) -> str | None:
    return CelPredicate(text).failure("blockdev-add", arguments, client, FACTS)


@pytest.mark.parametrize(
    "text",
    [
        'under(args.file.filename, "/srv/vm")',
        'args.file.filename.under("/srv/vm")',
        "has(args.backing) && args.backing == null",
        'args["node-name"] == "n"',
        '"read-only" in args && !args["read-only"]',
        'command == "blockdev-add" && command.startsWith("block")',
        "peer.uid == 64055 && peer.gid == 108",
        'peer().listener == "backup" && peer().certificate == null',
        'node_file(args["node-name"]) == "/srv/vm/a"',
        'node_file("other") == null',
        "!has(args.absent)",
        "has(args.absent) ? args.absent == 1 : true",
        "args.absent == 1 || true",
        '["/a", "/srv/vm"].exists(f, under(args.file.filename, f))',
    ],
)
def test_what_holds(text: str) -> None:
    assert failure(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("false", "expected false"),
        (
            "under(args.file.filename, '/etc')",
            "expected under(args.file.filename, '/etc'): " + NOT_UNDER_ETC,
        ),
        ('args.driver == "qcow2"', 'expected args.driver == "qcow2"'),
        ("has(args.driver) && !has(args.backing) && false", "expected !has(args.backing)"),
        (
            'has(args.driver) && under(args.file.filename, "/etc")',
            'expected under(args.file.filename, "/etc"): ' + NOT_UNDER_ETC,
        ),
        (f'args.driver == "{"x" * 500}"', f'expected args.driver == "{"x" * 184}…'),
    ],
)
def test_why_one_does_not_hold(text: str, reason: str) -> None:
    found = failure(text)
    assert found == f"when: {reason}"
    assert not isinstance(found, CannotTell)


@pytest.mark.parametrize("file", ["/secret/a", "/gone"])
def test_who_asks_is_not_told_the_file_of_a_node(file: str) -> None:
    predicate = CelPredicate('under(node_file(args.node), "/srv")')
    for name in ("a", "b"):
        found = predicate.failure("blockdev-del", {"node": name}, CLIENT, TextFacts(a=file))
        assert found is not None
        assert found.endswith("found a node, expected one with a file there")
        assert file not in found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("args.absent == 1", "found no member 'absent', expected one"),
        ("args.file.absent.x == 1", "found no member 'absent', expected one"),
        ("has(args.absent.x)", "found no member 'absent', expected one"),
        ("has(args.driver.x)", "found values of other types than an operator"),
        ("args.driver > 1", "found values of other types than an operator"),
        ('args["read-only"].startsWith("a")', "found values of other types than startsWith takes"),
        ('under(args.backing, "/srv")', "under: found null, expected a path"),
        ('under("/srv", args.file)', "under: found an object, expected a path"),
        ('under("/gone", "/srv") || true', "under: the server's process isn't known"),
        ("node_file(args.file) == null", "node_file: found an object, expected a name"),
        ('node_file("broken") == null', "node_file: no server"),
        ("args.driver", "found no boolean, expected true or false"),
        ("1 / 0 == 1", "division by zero in CEL expression"),
        ('"a".matches("(")', "matches: '(' not a valid regex"),
        ("args.driver.all(c, true)", "found something else than a list where a loop is"),
        ("9223372036854775807 + 1 > 0", "arithmetic overflow in 'add' on"),
    ],
)
def test_what_cannot_be_evaluated(
    text: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = failure(text)
    assert isinstance(found, CannotTell)
    assert found.startswith(f"when: {reason}")
    assert capfd.readouterr() == ("", ""), "a client must not make the library print"


BIG = 1 << 63


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (BIG - 1, f"args.x == {BIG - 1}"),
        (BIG, f"args.x == {BIG}u"),
        (2 * BIG - 1, f"args.x == {2 * BIG - 1}u"),
        (2 * BIG - 1, "args.x > 1"),
        (2 * BIG, "args.x > 1.0e19"),
        (-BIG, f"args.x == -{BIG}"),
        (-BIG - 1, "args.x < 0"),
        (10**400, "has(args.x)"),
        (1.5, "args.x == 1.5"),
        (1.0, "args.x == 1"),
        (1e308, "args.x > 1"),
        (-0.0, "args.x == 0"),
        (None, "args.x == null"),
        (False, "args.x == false"),
        ("", 'args.x == ""'),
        ([], "args.x == []"),
        ({}, "args.x == {}"),
        ("a\0b", r'args.x == "a\x00b"'),
        ("a\0b", "size(args.x) == 3"),
        ("\U0001f600", "size(args.x) == 4"),  # the library counts bytes
        ({"": 1}, 'args.x[""] == 1'),
        ({"a.b": 1}, 'args.x["a.b"] == 1'),
        (["a", 1, None, [True]], "args.x == ['a', 1, null, [true]]"),
        ([{"y": 1}, {"y": 2}], "args.x.all(e, e.y > 0)"),
    ],
)
def test_values(value: JsonValue, text: str) -> None:
    assert failure(text, {"x": value}) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (BIG, f"args.x == {BIG - 1}"),
        (2 * BIG - 1, "args.x < 0"),
        (-BIG - 1, "args.x > 0"),
        (False, "args.x == 0"),
        (None, "args.x == 0"),
        (None, "args.x == false"),
        ("a\0b", 'args.x == "a"'),
        ("a\0b", 'args.x == "b"'),
    ],
)
def test_values_that_are_not_the_same(value: JsonValue, text: str) -> None:
    found = failure(text, {"x": value})
    assert found is not None
    assert not isinstance(found, CannotTell)


def _nested(levels: int) -> JsonValue:
    value: JsonValue = 1
    for _ in range(levels):
        value = {"y": value}
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * limits.PREDICATE_ARGUMENTS, "found 32776 bytes of arguments that the condition"),
        (_nested(limits.PREDICATE_NESTING), "found arguments nested deeper than 64 levels"),
        (_nested(900), "found arguments nested deeper than 64 levels"),
        (_nested(5000), "found arguments that can't be converted"),
        ("\ud800", "found arguments that can't be converted"),
    ],
    ids=["size", "levels", "more", "many", "half a pair"],
)
def test_arguments_that_are_too_much(value: JsonValue, reason: str) -> None:
    found = failure("args.x == {}", {"x": value})
    assert isinstance(found, CannotTell)
    assert found.startswith(f"when: {reason}")


_NUMBERS = (-BIG, BIG - 1, BIG, 2 * BIG - 1, 2 * BIG, -BIG - 1, 10**30, 0, -1, 1.5, 1e308, 1e19)
_TEXTS = ("", "\u00e9", "9223372036854775808", "-1", "nan", "\0", "x" * 1000)
_ODD: list[JsonValue] = [*_NUMBERS, *_TEXTS, None, True, [], {}, [1], {"a": 1}]


@pytest.mark.parametrize(
    "text",
    [
        "-args.x == 1",
        "args.x / -1 == args.x % -1",
        "args.x * args.x == args.x + args.x",
        "args.x - 1u == args.x * 2u",
        "int(args.x) == 1 || uint(args.x) == 1u || double(args.x) < 1.0",
        'string(args.x) == "1" || bytes(args.x) == b"1" || size(args.x) == 1',
        "args.l[args.x] == 1 || args.l[int(args.x)] == 1 || args.m[args.x] == 1",
        "args.x in args.l || args.x in args.m",
        "{args.x: 1} == {1: 1, args.x: 2}",
        'args.x.contains(args.x) || args.x.startsWith("\u00e9") || args.x.matches("^\u00e9.$")',
        "args.x ? !args.x : args.x && true",
        "args.x > 1.5 || args.x >= 1u || args.x < 1",
        "under(args.x, args.x) || node_file(args.x) == args.x",
    ],
)
def test_no_value_is_too_odd(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    predicate = CelPredicate(text)
    for value in _ODD:
        arguments: JsonObject = {"x": value, "l": [1, 2], "m": {"a": 1}}
        found = predicate.failure("add", arguments, CLIENT, FACTS)
        assert found is None or "the library for CEL failed" not in found
    assert capfd.readouterr() == ("", "")


def test_what_is_not_read_costs_nothing() -> None:
    arguments: JsonObject = {"id": "a", "x": "x" * 1024 * 1024, "y": "\ud800", "z": _nested(5000)}
    assert failure('args.id == "a" && has(args.x)', arguments) is None


def test_brackets_in_texts_are_no_levels() -> None:
    assert failure("args.x != {}", {"x": "{[" * 1000}) is None


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("args.x == 9223372036854775808", 10),
        (r'args.x == "\z"', 10),
        ('args.x ==\n "\\z"', 11),
        ("peer.uid == 1 || peer().uid == 1", 0),
        ("--args.x && !-args.x == 1 && void", 29),
    ],
)
def test_what_the_library_refuses(text: str, offset: int) -> None:
    with pytest.raises(PredicateError) as caught:
        CelPredicate(text)
    assert caught.value.offset == offset
    assert str(caught.value)


def test_the_reason_is_the_same_again() -> None:
    predicate = CelPredicate('has(args.driver) && under(args.file.filename, "/etc")')
    first = predicate.failure("blockdev-add", NODE, CLIENT, FACTS)
    assert predicate.failure("blockdev-add", NODE, CLIENT, FACTS) == first
    assert not predicate.needs_nodes
    assert CelPredicate("node_file(args.x) == null").needs_nodes


def test_the_library_waits_for_a_predicate() -> None:
    code = "import sys, qmpeer.policy, qmpeer.policy.cel_predicate; print('cel' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
