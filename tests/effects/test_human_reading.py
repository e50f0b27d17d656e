"""The parts of a line: words, expressions, formats, and arguments by their letters.

The tests of the human monitor compare QEMU's texts of errors and most values; this is the rest.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer import limits
from qmpeer.effects.human_arguments import (
    ArgumentContext,
    ArgumentError,
    parse_letters,
    read_arguments,
)
from qmpeer.effects.human_expressions import ExpressionError, evaluate, no_registers, signed
from qmpeer.effects.human_formats import Format, FormatMemory, GivenFormat, read_format
from qmpeer.effects.human_words import read_word, split_words

GIB = 1 << 30


def read(letters: str, line: str, formats: FormatMemory | None = None) -> dict[str, Any]:
    context = ArgumentContext("cmd", no_registers, formats or FormatMemory())
    return read_arguments(parse_letters(letters), line, 0, context)


# Words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a  b\tc\n", ["a", "b", "c"]),
        ('"a b" c', ["a b", "c"]),
        ('"a"b', ["a", "b"]),
        ('a"b c"', ['a"b', 'c"']),
        (r'"\n\r\\\"\'"', ["\n\r\\\"'"]),
        ('""', [""]),
        (r'"\q"', None),
        ('"a', None),
        (" ".join("a" * 16), ["a"] * 16),
        (" ".join("a" * 17), None),
        ("a\u00a0b", ["a\u00a0b"]),
    ],
)
def test_words(line: str, words: list[str] | None) -> None:
    assert split_words(line) == words


def test_a_word_says_where_it_ends() -> None:
    assert read_word("  one two", 0) == ("one", 5)
    assert read_word("one  ", 3) is None


# Expressions


def test_registers_come_from_a_hook() -> None:
    registers = {"pc": 0x7C00, "cs.base": -1, "": 5}.get
    assert evaluate("$pc + 2", 0, registers) == (0x7C02, 7)
    assert evaluate("$cs.base*2", 0, registers)[0] == -2
    assert evaluate("$", 0, registers)[0] == 5
    assert evaluate("$pc $pc", 0, registers) == (0x7C00, 4)


@pytest.mark.parametrize("operator", "/%")
def test_the_lowest_integer_by_minus_one_is_refused(operator: str) -> None:
    with pytest.raises(ExpressionError, match="division overflows"):
        evaluate(f"-9223372036854775808 {operator} -1")
    assert evaluate(f"-9223372036854775807 {operator} -1 {operator} 1")[0] in (0, (1 << 63) - 1)


@pytest.mark.parametrize("text", ["(" * 4095, "-" * 4095 + "1", "(" * 2000 + "7" + ")" * 2000])
def test_nesting_has_no_limit(text: str) -> None:
    if text.startswith("(") and "7" not in text:
        with pytest.raises(ExpressionError, match="unexpected end of expression"):
            evaluate(text)
    else:
        assert evaluate(text) == (-1 if text[0] == "-" else 7, len(text))


@pytest.mark.parametrize("text", ["9" * 100_000, "0x" + "f" * 100_000])
def test_long_numbers_are_too_large(text: str) -> None:
    with pytest.raises(ExpressionError, match="number too large"):
        evaluate(text)


@pytest.mark.parametrize("text", ["1+", "-", "(", "(1)*("])
def test_an_expression_has_a_bound(text: str) -> None:
    """No expression of a program keeps others waiting for long."""
    with pytest.raises(ExpressionError, match="expression too long"):
        evaluate(text * (limits.HUMAN_EXPRESSION + 1))


def test_a_long_expression_has_a_value() -> None:
    assert evaluate("1+" * (limits.HUMAN_EXPRESSION // 2) + "1")[0] > 1


def test_zeros_in_front_do_not_count() -> None:
    assert evaluate("0" * 5000 + "17")[0] == 15
    assert evaluate("0x" + "0" * 5000 + "f")[0] == 15


OPERATORS = {"+": (1, int.__add__), "-": (1, int.__sub__), "&": (2, int.__and__)}
OPERATORS |= {"|": (2, int.__or__), "^": (2, int.__xor__), "*": (3, int.__mul__)}
Tree = int | tuple[str, Any] | tuple[str, Any, Any]
TREES = st.recursive(
    st.integers(0, (1 << 64) - 1),
    lambda trees: (
        st.tuples(st.sampled_from("+-~"), trees)
        | st.tuples(st.sampled_from(sorted(OPERATORS)), trees, trees)
    ),
)


def written(tree: Tree, level: int = 0) -> str:
    """Write a tree with no more parentheses than it needs."""
    if isinstance(tree, int):
        return hex(tree) if tree % 2 else str(tree)
    if len(tree) == 2:
        return f"{tree[0]} {written(tree[1], 4)}"
    own = OPERATORS[tree[0]][0]
    text = f"{written(tree[1], own)}{tree[0]}{written(tree[2], own + 1)} "
    return f"( {text})" if own < level else text


def value_of(tree: Tree) -> int:
    if isinstance(tree, int):
        return signed(tree)
    if len(tree) == 2:
        value = value_of(tree[1])
        return signed({"+": value, "-": -value, "~": ~value}[tree[0]])
    return signed(OPERATORS[tree[0]][1](value_of(tree[1]), value_of(tree[2])))


@pytest.mark.property
@given(TREES)
def test_an_expression_has_the_value_of_its_tree(tree: Tree) -> None:
    text = written(tree)
    assert evaluate(text) == (value_of(tree), len(text))


@pytest.mark.property
@given(st.text("0179axX+-*/%&|^~()'$ .", max_size=30))
def test_any_text_is_an_expression_or_none(text: str) -> None:
    try:
        value, position = evaluate(text)
    except ExpressionError:
        return
    assert -(1 << 63) <= value < 1 << 63
    assert 0 < position <= len(text)


# Formats


def test_what_a_format_leaves_out_is_as_it_was_last() -> None:
    formats = FormatMemory()
    read_ = [read("f:/", line, formats)["f"] for line in ("", "/3", "/2dh", "/c", "/i", "", "/gx")]
    assert read_ == [
        Format(1, "x", 4),
        Format(3, "x", 4),
        Format(2, "d", 2),
        Format(1, "c", 2),
        Format(1, "i", -1),
        Format(1, "i", -1),
        Format(1, "x", 8),
    ]


def test_nothing_is_remembered_of_a_wrong_format() -> None:
    formats = FormatMemory()
    with pytest.raises(ArgumentError, match="invalid char in format: 'z'"):
        read("f:/", "/2dhz", formats)
    assert formats.last() == Format(1, "x", 4)


def test_a_count_has_a_bound() -> None:
    assert read("fmt:/", "/" + "9" * 5000)["fmt"].count == 10**18 - 1


def test_the_parts_that_a_format_gives() -> None:
    assert read_format("/4xw 0", 1) == (GivenFormat(4, "x", 4), 4)
    assert read_format("/", 1) == (GivenFormat(1, None, None), 1)
    assert read_format("gd", 0) == (GivenFormat(1, "d", 8), 2)


# Arguments


@pytest.mark.parametrize(
    ("letters", "line", "values"),
    [
        ("a:s", ' "x y" ', {"a": "x y"}),
        ("a:s,b:s?", "x", {"a": "x"}),
        ("a:S", "  x  y ", {"a": "x  y "}),
        ("a:S?", " ", {}),
        ("a:O", "", {}),
        ("a:O,b:s?", "x,y=z w", {"a": "x,y=z", "b": "w"}),
        ("a:i", "0xffffffff", {"a": 0xFFFF_FFFF}),
        ("a:l,b:l?", "1 + 1", {"a": 2}),
        ("a:l,b:l?", "1 2", {"a": 1, "b": 2}),
        ("a:i,b:i.", "1 . 2", {"a": 1, "b": 2}),
        ("a:i,b:i.", "1", {"a": 1}),
        ("a:M", "2", {"a": 2 << 20}),
        ("a:M", "8796093022208", {"a": -(1 << 63)}),
        ("a:o", "1", {"a": 1 << 20}),
        ("a:o", "1.5G", {"a": 3 * GIB // 2}),
        ("a:o", "1.", {"a": 1 << 20}),
        ("a:o", "0.0009765625", {"a": 1 << 10}),
        ("a:o", "0x10", {"a": 16 << 20}),
        ("a:o", "0x10k", {"a": 16 << 10}),
        ("a:o", "08b", {"a": 8}),
        ("a:o", "+1t", {"a": 1 << 40}),
        ("a:o", "7E", {"a": 7 << 60}),
        ("a:o,b:o?", "1k 2k", {"a": 1 << 10, "b": 2 << 10}),
        ("a:T", "1.5", {"a": 1.5}),
        ("a:T", "-2e3ms", {"a": -2.0}),
        ("a:T", ".5us", {"a": 5e-7}),
        ("a:T,b:s?", "1ns x", {"a": 1e-9, "b": "x"}),
        ("a:b,b:b", "on off", {"a": True, "b": False}),
        ("a:b?", "", {}),
        ("a:-a,b:-b,c:s", "x", {"c": "x"}),
        ("a:-a,b:-b,c:s", "-a x", {"a": True, "c": "x"}),
        ("a:-a,b:-b,c:s", "-b x", {"b": True, "c": "x"}),
        ("a:-a,b:-b,c:s", "-ax", {"a": True, "c": "x"}),
        ("a:-a,b:-b,c:s", "-a-b x", {"a": True, "b": True, "c": "x"}),
        ("f:-fs,c:s?", "-f png x", {"f": "png", "c": "x"}),
        ("f:-fs,c:s?", '-f"p g"', {"f": "p g"}),
    ],
)
def test_arguments(letters: str, line: str, values: dict[str, object]) -> None:
    assert read(letters, line) == values


@pytest.mark.parametrize(
    ("letters", "line", "text"),
    [
        ("a:T", "x", "Number expected"),
        ("a:T", "inf", "Bad number"),
        ("a:T", "1e999", "Bad number"),
        ("a:T", "1s", "Unknown unit suffix"),
        ("a:S", " ", "cmd: string expected"),
        ("f:-fs,c:s?", "-f", "cmd: value expected for -f"),
        ("a:o", "1.5e3", "invalid size"),
        ("a:o", "1.e3", "cmd: extraneous characters at the end of line"),
        ("a:o", "9" * 10_000, "invalid size"),
        ("a:s", "x y", "cmd: extraneous characters at the end of line"),
    ],
)
def test_wrong_arguments(letters: str, line: str, text: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        read(letters, line)
    assert str(raised.value) == text


@pytest.mark.parametrize("letters", ["a", "a:", "a:z", "a:s!", "a:s.", "a:-", ":s", "a:ss"])
def test_letters_that_mean_nothing_are_refused(letters: str) -> None:
    with pytest.raises(ValueError, match="among arguments"):
        parse_letters(letters)


@pytest.mark.property
@given(
    st.lists(st.sampled_from("sFBSOilMoTb/"), max_size=4),
    st.text("019aA.,:+-/ \t\"\\'$()xonfkGms\u00e9", max_size=40),
)
def test_any_line_is_read_or_refused(kinds: list[str], line: str) -> None:
    letters = ",".join(f"a{index}:{kind}" for index, kind in enumerate(kinds))
    try:
        values = read(letters, line)
    except ArgumentError:
        return
    assert len(values) <= len(kinds)


# Arguments that are read alike everywhere


@pytest.mark.parametrize(
    ("letters", "line", "text"),
    [
        ("a:i,b:s?", "0b11", "found 'b' behind an argument"),
        ("a:i,b:s?", "017", None),
        ("a:o,b:s?", "0x1p3", "found '3' behind an argument"),
        ("a:T,b:s?", "0x10", "Unknown unit suffix"),
        ("a:-a,b:s", "-ab", "found 'b' behind an argument"),
        ("a:s,b:s?", '"a"b', "found 'b' behind an argument"),
        ("a:l,b:i.", "1 .2", None),
        ("a:b,b:s?", "on\u00e9", "found '\u00e9' behind an argument"),
        ("a:s", "x" * limits.HUMAN_WORD, None),
        ("a:s", "x" * (limits.HUMAN_WORD + 1), "found a word of more than 1023 bytes"),
        ("a:F", "\u00e9" * 512, "found a word of more than 1023 bytes"),
    ],
)
def test_strict_arguments(letters: str, line: str, text: str | None) -> None:
    context = ArgumentContext("cmd", no_registers, FormatMemory(), is_strict=True)
    if text is None:
        assert read_arguments(parse_letters(letters), line, 0, context)
        return
    with pytest.raises(ArgumentError, match=text):
        read_arguments(parse_letters(letters), line, 0, context)
