from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.shell.builtins import split
from qmpeer.shell.words import Statement, Word
from tests.growth import assert_linear


def shown(word: Word) -> tuple[str | None, str, str]:
    return word.name, word.value.kind, word.value.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stop", [(None, "plain", "stop")]),
        ("  stop \t", [(None, "plain", "stop")]),
        *(
            (f"stop {blank}x{blank}", [(None, "plain", "stop"), (None, "plain", "x")])
            for blank in "\xa0\u3000\u2028\u2009\x85\x1c\x1f\v\f\r"
        ),
        ("a b=1", [(None, "plain", "a"), ("b", "plain", "1")]),
        ("a b=", [(None, "plain", "a"), ("b", "plain", "")]),
        ("a b==", [(None, "plain", "a"), ("b", "plain", "=")]),
        ("a b='c d'", [(None, "plain", "a"), ("b", "quoted", "c d")]),
        ('a b="c d"', [(None, "plain", "a"), ("b", "quoted", "c d")]),
        ("a b=it's", [(None, "plain", "a"), ("b", "plain", "it's")]),
        (r'a b="\u00e9\n\""', [(None, "plain", "a"), ("b", "quoted", 'é\n"')]),
        (r'a b="\ud83d\ude00"', [(None, "plain", "a"), ("b", "quoted", "😀")]),
        (r"a b=C:\x", [(None, "plain", "a"), ("b", "plain", r"C:\x")]),
        ("a b=[1, 2] c=3", [(None, "plain", "a"), ("b", "json", "[1, 2]"), ("c", "plain", "3")]),
        ("a b:=[1", [(None, "plain", "a"), ("b", "plain", "[1")]),
        ("a b:='1 2'", [(None, "plain", "a"), ("b", "quoted", "1 2")]),
        ('a {"b": "} {"}', [(None, "plain", "a"), (None, "json", '{"b": "} {"}')]),
        ('{"a": 1}', [(None, "json", '{"a": 1}')]),
        ("a # b=1", [(None, "plain", "a")]),
        ("a b=x#1", [(None, "plain", "a"), ("b", "plain", "x#1")]),
        ("a [1, # two\n2]", [(None, "plain", "a"), (None, "json", "[1,      \n2]")]),
        ("a \\\n b=1", [(None, "plain", "a"), ("b", "plain", "1")]),
        ("a é=ü", [(None, "plain", "a"), ("é", "plain", "ü")]),
        ("events [A-Z", [(None, "plain", "events"), (None, "plain", "[A-Z")]),
        ("events x={", [(None, "plain", "events"), (None, "plain", "x={")]),
        ("events '[ ]' #", [(None, "plain", "events"), (None, "quoted", "[ ]")]),
        ("a json:{x}", [(None, "plain", "a"), (None, "plain", "json:{x}")]),
    ],
)
def test_words(text: str, words: list[Any]) -> None:
    statements = split(text)

    assert [shown(word) for word in statements[0].words] == words
    assert statements[0].input_error is None
    assert not statements[0].is_open


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", []),
        (" \n# nothing\n\n", []),
        ("a\nb", [0, 2]),
        ("a # x\n\n  b\r\n", [0, 9]),
        ('{"a":\n1}\nb', [0, 9]),
        ("transaction(\n a\n b\n)\nc", [0, 21]),
        ("transaction(\n a\ncancel\nc", [0, 23]),
        ("! ls; x\nb", [0, 8]),
        ("a 'b\nc", [0, 5]),
    ],
)
def test_statements(text: str, starts: list[int]) -> None:
    assert [statement.start for statement in split(text)] == starts


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("a", False),
        ("a {", True),
        ("a b=[1,\n", True),
        ("a b=[1,\n2]", False),
        ("transaction(", True),
        ("transaction(\n a b=1\n", True),
        ("transaction( a b=1 )", False),
        ("transaction(\n a\n cancel", False),
        ("transaction(\n a cancel", True),
        ("a 'b", False),
    ],
)
def test_open_statements(text: str, is_open: bool) -> None:
    assert split(text)[-1].is_open is is_open


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("a b='c", "the quote ' isn't closed", (4, 6)),
        ("a b='c'd", "found 'd' right behind a quote, expected a blank", (7, 8)),
        ("a {}x", "found 'x' right behind a bracket, expected a blank", (4, 5)),
        (r'a b="\q"', r"found \q, expected an escape of JSON, or \\ for a backslash", (5, 7)),
        (r'a b="\ud800"', "found half a surrogate pair, expected both halves", (5, 11)),
        ('a {"b', "the quote \" isn't closed", (3, 5)),
        ("a " + "[" * 1025, "found 1025 levels, expected at most 1024", (2, 1027)),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_mistakes(text: str, reason: str, at: tuple[int, int]) -> None:
    input_error = split(text)[0].input_error

    assert input_error is not None
    assert (input_error.reason, (input_error.start, input_error.end)) == (reason, at)
    assert input_error.is_syntax


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("hmp info  status # x", "info  status # x"),
        ("hmp", ""),
        ("! ls 'a", "ls 'a"),
        ("!ls", "ls"),
    ],
)
def test_raw_lines(text: str, raw: str) -> None:
    assert split(text)[0].raw == raw


def parts(statement: Statement, text: str) -> list[str]:
    return [text[word.start : word.end] for word in statement.words]


@given(st.text(st.sampled_from("ab= \n'\"{}[]#\\:.,()!1é"), max_size=40))
def test_any_text_divides(text: str) -> None:
    at = 0
    for statement in split(text):
        assert statement.start >= at
        assert statement.end > statement.start
        at = statement.end
        for one, other in zip(statement.words, statement.words[1:], strict=False):
            assert one.end <= other.start
        assert all(parts(statement, text))


@pytest.mark.parametrize(
    "text",
    [
        "a " + "b" * 5_000_000,
        'a {"b": "' + "x" * 5_000_000 + '"}',
        "a [" + "1," * 2_500_000 + "1]",
        "a\n" * 100_000,
        "a b='" + "x" * 5_000_000,
        "{" * 5_000_000,
        "x " + 'a="";' * 20_000,
        "transaction(" + 'a="";' * 20_000,
        'transaction(""' * 20_000,
    ],
    ids=lambda text: text[:10],
)
def test_five_megabytes_take_no_long_time(text: str) -> None:
    assert_linear(lambda size: split(text[:size]), len(text))
