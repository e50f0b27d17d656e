"""Expressions in CEL as trees, and which members they read and rule on.

Modules: cel_nodes, cel_syntax, cel_members, cel_names.
"""

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.policy.cel_members import MemberReader, NotAList, Reads
from qmpeer.policy.cel_names import FUNCTIONS, METHODS, check_names
from qmpeer.policy.cel_nodes import Literal, Node, Operation, PredicateError
from qmpeer.policy.cel_predicate import CelPredicate
from qmpeer.policy.cel_syntax import parse
from qmpeer.values import JsonValue
from tests.fuzzing import tried


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ("", 0, "found the end of the expression, expected a value"),
        ("args.x ==", 9, "found the end of the expression, expected a value"),
        ("args.x == 1 2", 12, "found 2, expected an operator or the end"),
        ("(args.x", 7, "found the end of the expression, expected ')'"),
        ("args.", 5, "found the end of the expression, expected the name of a member"),
        ("args.in", 5, "found in, expected the name of a member"),
        ("args.?x", 5, "found ?, expected the name of a member"),
        ("args.x == 'a", 10, 'found "\'", expected a part of an expression'),
        ("args.x ? 1", 10, "found the end of the expression, expected ':'"),
        ("args.x @ 1", 7, "found '@', expected a part of an expression"),
        (".args.x", 0, "found ., expected a value"),
        ("args{x: 1}", 4, "found {, expected an operator or the end"),
        ('has(args["x"])', 0, "found has() of something else, expected a member: has(args.file)"),
        ("args.l.map(x, x)", 7, "found map, expected all, exists or exists_one"),
        ("args.l.filter(x, x > 1)", 7, "found filter, expected all, exists or exists_one"),
        ("args.l.all(1, true)", 11, "found 1, expected the name of a variable"),
        ("args.l.all(x)", 12, "found ), expected ','"),
        ("(" * 40 + "1" + ")" * 40, 32, "nested deeper than 32 levels"),
        ("-" * 4000 + "1", 0, "nested too deep"),
        ("1" * 5000, 0, "found 5000 characters, expected at most 4096"),
    ],
)
def test_what_is_no_expression(text: str, offset: int, reason: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse(text)
    assert (caught.value.offset, str(caught.value)[: len(reason)]) == (offset, reason)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10", 16),
        ("7u", 7),
        ("1.5e-3", 0.0015),
        (".5", 0.5),
        ("null", None),
        ("true", True),
        (r"r'a\b'", r"a\b"),
        ("'''a\nb'''", "a\nb"),
        ('"a // b"', "a // b"),
        ('"" // a comment', ""),
        (r'"a\"b"', None),  # left to the library
        ('b"a"', None),
    ],
)
def test_literals(text: str, value: JsonValue) -> None:
    node = parse(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert node.is_known == (value is not None or text == "null")


def test_parts_know_where_they_stand() -> None:
    text = '  args.a == 1 && !( has(args.b) || args["c"].x(1) )  '
    node = parse(text)
    assert isinstance(node, Operation)
    first, second = (text[each.start : each.end] for each in node.operands)
    assert (first, second) == ("args.a == 1", '!( has(args.b) || args["c"].x(1) )')


_ATOMS = st.sampled_from(["true", "false", "1", "2", "'a'", "[1, 2]", '{"k": 3}.k', "size('ab')"])
_BINARY = ("&&", "||", "==", "!=", "<", "in", "+", "-", "*", "%")
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(_BINARY), inner).map(" ".join)
        | inner.map("({})".format)
        | inner.map("!({})".format)
        | st.tuples(inner, inner, inner).map(lambda each: "({}) ? {} : {}".format(*each))
        | inner.map("[1, 2].all(x, {})".format)
    ),
    max_leaves=6,
)


def _outcome(text: str) -> object:
    try:
        return repr(cel.evaluate(text))
    except Exception as error:
        return type(error)


def _parenthesized(text: str, node: Node) -> str:
    """Return an operator's text with parentheses around each operand, as our tree has them."""
    if not isinstance(node, Operation) or len(node.operands) < 2 or node.operator == "?:":
        return text[node.start : node.end]
    inner = [f"({_parenthesized(text, each)})" for each in node.operands]
    return f" {node.operator} ".join(inner)


@pytest.mark.property
@tried(0.5)
@given(_EXPRESSIONS)
def test_the_library_reads_the_same(text: str) -> None:
    try:
        cel.compile(text)
    except ValueError:
        return
    assert _outcome(_parenthesized(text, parse(text))) == _outcome(text)


@pytest.mark.property
@given(st.text("args.[]()\"'!&|=?:,{}1ex_ \\\n\u00e9\U0001f600", max_size=30))
def test_garbage_is_refused(text: str) -> None:
    offset = 0
    try:
        CelPredicate(text)
    except PredicateError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


# --- What is read, and ruled on -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ('under(args.file.filename, "/srv") && !has(args.backing)', ["file.filename", "backing"]),
        ('args["node-name"] == "x"', ["node-name"]),
        ('args["a"]["b"].c == 1', ["a.b.c"]),
        ("has(args.x)", []),
        ("!has(args.x)", ["x"]),
        ("!!has(args.x)", []),
        ("!(has(args.x) || has(args.y))", ["x", "y"]),
        ("!(has(args.x) && !has(args.y))", ["x"]),
        ("has(args.x) == false", []),
        ("has(args.x) ? args.x == 1 : true", ["x"]),
        ("has(args.x) ? true : true", []),
        ('!("node-name" in args)', ["node-name"]),
        ('"node-name" in args', []),
        ('args.x in ["a", "b"]', ["x"]),
        ("'args.x' == \"args.y\"", []),
        ('"""args.x""" == r"args.y" // args.z', []),
        ("size(args.x) < 5", []),
        ("args.x.size() < 5", []),
        ("type(args.x) == string", []),
        ("args[args.x] == 1", ["x"]),
        ("args.l[0] == 1", ["l"]),
        (r'args["a\x62"] == 1', []),
        ("args == {}", []),
        ('args.l.all(e, e.x == "a")', ["l.*.x"]),
        ("args.l.all(e, e > 1)", ["l.*"]),
        ('args.l.exists(e, e.x == "a")', []),
        ('!args.l.exists(e, e.x == "a")', ["l.*.x"]),
        ('!args.l.all(e, e.x == "a")', []),
        ("args.l.exists_one(e, e.x == 1)", []),
        ("args.l.all(e, has(e.x))", []),
        ("args.l.all(e, !has(e.x))", ["l.*.x"]),
        ("args.l.all(e, e.m.all(f, f.y > 1))", ["l.*.m.*.y"]),
        ('["/a", "/b"].exists(p, under(args.x, p))', ["x"]),
        ('{"a": args.x}.a == 1', ["x"]),
        ("peer.uid == 1 && command == 'x'", []),
        ("args.f.under('/srv')", ["f"]),
        ("-args.x < 1 ? args.y : args.z", ["x", "y", "z"]),
    ],
)
def test_members_that_are_ruled_on(text: str, mentions: list[str]) -> None:
    predicate = CelPredicate(text)
    assert [".".join(path) for path in predicate.mentions] == mentions


@pytest.mark.parametrize(
    ("text", "value", "part"),
    [
        ("args.a == 1", {"a": 1, "b": 2}, {"a": 1}),
        ("args.a.b == 1", {"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}),
        ("args.a.b == 1", {"a": "text"}, {"a": "text"}),
        ("args.a.b == 1", {"a": [1, 2]}, {"a": []}),
        ("args.a == args.a.b", {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 2}}),
        ("has(args.a)", {"a": "long"}, {"a": True}),
        ("has(args.a)", {"b": 1}, {}),
        ("has(args.a) && args.a == 1", {"a": None}, {"a": None}),
        ("args.l.all(e, e.x == 1)", {"l": [{"x": 1, "y": 2}, {}]}, {"l": [{"x": 1}, {}]}),
        ("args == {}", {"a": 1}, {"a": 1}),
        ('"a" in args', {"a": 5, "b": 1}, {"a": True}),
    ],
)
def test_what_is_read(text: str, value: JsonValue, part: JsonValue) -> None:
    reads = Reads()
    MemberReader({"args": reads}).read(parse(text))
    assert reads.part_of(value) == part


@pytest.mark.parametrize("value", [{"l": {"a": 1}}, {"l": "text"}, {"l": None}])
def test_a_loop_runs_over_lists_only(value: JsonValue) -> None:
    reads = Reads()
    MemberReader({"args": reads}).read(parse("args.l.all(e, e == 1)"))
    with pytest.raises(NotAList):
        reads.part_of(value)


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ("arg.file == 1", 0, "found the name arg, expected one of args, command, peer; did you m"),
        ("true || bogus", 8, "found the name bogus, expected one of"),
        ('args.x.startWith("a")', 7, "found the function startWith, expected one of all, contains"),
        ('undr(args.x, "a")', 0, "found the function undr, expected one of bytes"),
        ('contains(args.x, "a")', 0, "found contains(), expected it behind a value"),
        ("args.x.int()", 7, "found .int(), expected int() around the value"),
        ("under(args.x)", 0, "found under with 1 arguments, expected 2"),
        ("peer.user == 1", 5, "found the member peer.user, expected one of peer.certificate"),
        ("peer().pid == 1", 7, "found the member peer.pid, expected one of"),
        ("args.l.all(args, true)", 0, "found args as the name of the element"),
        ("args.l.all(int, true)", 0, "found int as the name of the element"),
        ("args.l.all(e, args.x == e)", 14, "found args inside all(), expected only e there"),
        ("args.l.all(e, e.m.all(f, e.x == f))", 25, "found e inside all(), expected only f there"),
        ("args.l.exists(e, args.l.exists(f, e == f))", 17, "found args inside exists()"),
        ("args.x.matches(args.y)", 15, "found another pattern than a literal text"),
    ],
)
def test_names_that_there_arent(text: str, offset: int, reason: str) -> None:
    with pytest.raises(PredicateError) as caught:
        check_names(parse(text))
    assert (caught.value.offset, str(caught.value)[: len(reason)]) == (offset, reason)


def test_the_library_has_the_functions_that_we_offer() -> None:
    ours = {"has", "node_file", "peer", "under"}
    values = ('"1"', "1", "b'1'")
    for name in FUNCTIONS.keys() - ours:
        assert any(isinstance(_outcome(f"{name}({each})"), str) for each in values), name
    for name in METHODS.keys() - ours:
        argument = '"a"' if METHODS[name] else ""
        assert isinstance(_outcome(f'"a".{name}({argument})'), str), name


def test_limits() -> None:
    fits = "true" + " " * (limits.PREDICATE_TEXT - 4)
    assert CelPredicate(fits).mentions == ()
