r"""Recorded arguments that match more than themselves.

=====================  ============================================================================
in a recorded command  matches
=====================  ============================================================================
``"$any"``             any value
``"$regex:PATTERN"``   a string that the pattern, in Python's syntax, matches as a whole
``<redacted>``         as a whole value, any value; inside a string, any text
``"$any": "$any"``     as a member, any further members of the object
=====================  ============================================================================

``"arguments": "$any"`` matches any arguments, and none. Everything else matches itself: numbers as
QEMU reads them, so 1 and 1.0 differ (QEMU refuses the second where it expects an integer), and so
do 1 and true.

Clients choose the texts that patterns are tried on, so no pattern may take for ever: a repeated
group that holds a repeat, an alternative or an optional part is refused, and so are many repeats,
and many groups of alternatives and optional parts. Long texts match no pattern.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.messages import REDACTED
from qmpeer.values import JsonObject, JsonValue

ANY: Final = "$any"
REGEX: Final = "$regex:"

Matcher: TypeAlias = Callable[[JsonValue], bool]
"""Tells whether a value matches."""

_encode = msgspec.json.Encoder(order="sorted").encode


class PatternError(Exception):
    """A pattern that can't be used: what was found, what was expected."""


def canonical(value: JsonValue) -> bytes:
    """Return a text that is equal for equal values: the order of members doesn't count.

    Example:
        >>> canonical({"b": 1, "a": {}}) == canonical({"a": {}, "b": 1})
        True
        >>> canonical(1) == canonical(1.0) or canonical(1) == canonical(True)
        False
    """
    try:
        return _encode(value)
    except (ValueError, OverflowError, RecursionError, TypeError):
        return b"".join(_tokens(value))


def _tokens(value: JsonValue) -> Iterator[bytes]:
    """Give the same text in parts, for values that are too deep or too odd for the encoder."""
    waiting: list[tuple[bytes, JsonValue, bytes]] = [(b"", value, b"")]
    while waiting:
        before, each, behind = waiting.pop()
        yield before
        inside: list[tuple[bytes, JsonValue, bytes]] = []
        if isinstance(each, dict) and each:
            names = sorted(each)
            inside = [(b"," + _plain(name) + b":", each[name], b"") for name in names]
            behind = b"}" + behind
        elif isinstance(each, list) and each:
            inside = [(b",", item, b"") for item in each]
            behind = b"]" + behind
        else:
            yield _plain(each) + behind
            continue
        yield b"{" if isinstance(each, dict) else b"["
        inside[0] = (inside[0][0][1:], inside[0][1], b"")
        inside[-1] = (*inside[-1][:2], behind)
        waiting += reversed(inside)


def _plain(value: JsonValue) -> bytes:
    try:
        return _encode(value)
    except (ValueError, OverflowError):
        return repr(value).encode("utf-8", "surrogatepass")


def is_loose(value: JsonValue) -> bool:
    """Return True if a recorded value matches others than itself."""
    waiting = [value]  # any depth
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if each == ANY or each.startswith(REGEX) or REDACTED in each:
                return True
        elif isinstance(each, dict):
            if ANY in each:
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


def compile_value(value: JsonValue) -> Matcher:
    """Return the matcher for a recorded value.

    Raises:
        PatternError: If it holds a pattern that can't be used.

    Example:
        >>> matches = compile_value({"id": "$any", "file": "$regex:/tmp/.*"})
        >>> matches({"file": "/tmp/x", "id": 1}), matches({"file": "/tmp/x"})
        (True, False)
    """
    if not is_loose(value):
        text = canonical(value)
        return lambda found: canonical(found) == text
    if isinstance(value, dict):
        return _compile_object(value)
    if isinstance(value, list):
        return _compile_list(value)
    assert isinstance(value, str)
    if value in (ANY, REDACTED):
        return lambda found: True
    if value.startswith(REGEX):
        return _compile_regex(value.removeprefix(REGEX))
    return _compile_text(value.split(REDACTED))


def _compile_object(value: JsonObject) -> Matcher:
    is_open = ANY in value
    members = {name: compile_value(item) for name, item in value.items() if name != ANY}

    def matches(found: JsonValue) -> bool:
        return (
            isinstance(found, dict)
            and (is_open or len(found) == len(members))
            and all(name in found and fits(found[name]) for name, fits in members.items())
        )

    return matches


def _compile_list(value: list[JsonValue]) -> Matcher:
    items = [*map(compile_value, value)]

    def matches(found: JsonValue) -> bool:
        return (
            isinstance(found, list)
            and len(found) == len(items)
            and all(fits(item) for fits, item in zip(items, found, strict=True))
        )

    return matches


def _compile_text(pieces: list[str]) -> Matcher:
    """Return the matcher for pieces of text with anything between them, in linear time."""
    first, *middle, last = pieces

    def matches(found: JsonValue) -> bool:
        if not isinstance(found, str) or not found.startswith(first) or not found.endswith(last):
            return False
        at, end = len(first), len(found) - len(last)
        for piece in middle:
            place = found.find(piece, at, end)
            if place < 0:
                return False
            at = place + len(piece)
        return at <= end

    return matches


def _compile_regex(text: str) -> Matcher:
    if len(text) > limits.REPLAY_PATTERN:
        raise PatternError(
            f"found a pattern of {len(text)} characters; {limits.REPLAY_PATTERN} fit"
        )
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"found the pattern {text!r}, expected a regular one: {error}") from None
    if _VERBOSE.search(text):
        raise PatternError(f"found the pattern {text!r}, expected one without the flag x")
    if _may_explode(text):
        raise PatternError(
            f"found the pattern {text!r}, in which a repeated group holds a repeat, an "
            "alternative or an optional part; it might take for ever"
        )
    if (count := _repeats(text)) > limits.REPLAY_PATTERN_REPEATS:
        most = limits.REPLAY_PATTERN_REPEATS
        raise PatternError(
            f"found the pattern {text!r} with {count} repeats, expected at most {most}, not "
            "counting those that give nothing back, such as [^/]++"
        )
    most = limits.REPLAY_PATTERN_WAYS
    if count == limits.REPLAY_PATTERN_REPEATS:
        most = limits.REPLAY_PATTERN_WAYS_OF_REPEATS
    if (ways := _ways(text)) > most:
        raise PatternError(
            f"found the pattern {text!r} with {ways} ways through its alternatives and optional "
            f"parts, expected {most} at most"
        )

    def matches(found: JsonValue) -> bool:
        return (
            isinstance(found, str)
            and len(found) <= limits.REPLAY_PATTERN_TEXT
            and pattern.fullmatch(found) is not None
        )

    return matches


_TOKEN: Final = re.compile(r"\\.|\[\^?\]?[^\]\\]*+(?:\\.[^\]\\]*+)*\]?|\{\d*,?\d*\}|.", re.DOTALL)
_REPEATS: Final = ("*", "+", "{")
_EXACT: Final = re.compile(r"\{\d+\}")
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z]*x")
"""The flag that lets blanks and comments stand between a group and its repeat."""


def _repeats(text: str) -> int:
    r"""Return the number of repeats that may try several lengths.

    Example:
        >>> [_repeats(text) for text in (r"a+b*c{2}", r"[^/]++\d*+x+?", r"\++")]
        [2, 1, 1]
    """
    count, before = 0, ""
    for each in _TOKEN.finditer(text):
        token = each[0]
        is_repeat = token[0] in _REPEATS and not _EXACT.fullmatch(token)
        if is_repeat and before == "repeat":  # the sign of a possessive one
            count, before = count - 1, ""
        else:
            count, before = count + is_repeat, "repeat" if is_repeat else ""
    return count


def _may_explode(text: str) -> bool:
    r"""Return True if a repeated group holds a repeat, an alternative or an optional part.

    Example:
        >>> texts = ("(a+)+", "(a|b)*", "(a?){9}", "(?:ab)+c*", r"[+*]+\\(*")
        >>> [*map(_may_explode, texts)]
        [True, True, True, False, False]
    """
    open_groups = [False]  # for each, whether it holds one of these
    tokens = [each[0] for each in _TOKEN.finditer(text)]
    for at, token in enumerate(tokens):
        follows = tokens[at + 1] if at + 1 < len(tokens) else ""
        if token == "(":
            open_groups.append(False)
        elif token == ")" and len(open_groups) > 1:
            is_variable = open_groups.pop()
            is_repeated = bool(follows) and follows[0] in _REPEATS
            if is_variable and is_repeated:
                return True
            open_groups[-1] |= is_variable or is_repeated
        elif token == "?" and tokens[at - 1] == "(":
            pass  # the kind of a group
        elif token in ("|", "?") or (token[0] in _REPEATS and not _EXACT.fullmatch(token)):
            open_groups[-1] = True
    return False


def _ways(text: str) -> int:
    r"""Return the number of ways through a pattern's alternatives and optional parts.

    Example:
        >>> [_ways(text) for text in ("abc", "a|b|c", "x?y?", "(a|b)(c|d)?e*?")]
        [1, 3, 4, 6]
    """
    groups = [(0, 1)]  # for each, the ways of its branches before, and of the last one so far
    inner, before = 1, ""
    for each in _TOKEN.finditer(text):
        token = each[0]
        branches, ways = groups[-1]
        if token == "(":
            groups.append((0, 1))
        elif token == ")" and len(groups) > 1:
            groups.pop()
            inner = branches + ways
            groups[-1] = (groups[-1][0], groups[-1][1] * inner)
        elif token == "|":
            groups[-1] = (branches + ways, 1)
        elif token == "?" and before[:1] not in ("(", *_REPEATS, "?"):
            last = inner if before == ")" else 1
            groups[-1] = (branches, ways // last * (last + 1))
        before = token
    return sum(groups[0])
