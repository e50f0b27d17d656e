"""The parser of QEMU's JSON dialect: the tokens of one value in, the value out.

It walks with a stack of its own, so that any nesting that the reader lets through is safe.
The first thing wrong counts, and tokens left over are not looked at.

Spec: JSON as QEMU's monitor parses it, measured on QEMU 7.2.
"""

from collections.abc import Sequence
from typing import TypeAlias

from qmpeer import limits
from qmpeer.errors import WireError
from qmpeer.values import JsonValue
from qmpeer.wire.lexer import FAILURES
from qmpeer.wire.text import decode_string, replace_malformed

_KEYWORDS: dict[bytes, JsonValue] = {b"true": True, b"false": False, b"null": None}
_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1
_OPENERS = frozenset((b"{", b"["))
_BRACES = {b"{": 1, b"}": -1}
_BRACKETS = {b"[": 1, b"]": -1}
_SEEN = 4096
"""Tokens of one value whose values are remembered."""
_Container: TypeAlias = list[JsonValue] | dict[str, JsonValue]
UNFINISHED = object()
"""Stands for a value that hasn't ended yet."""

# What the next token has to be: a value, or the same or the end of what has just been opened, or
# what separates values in a list, a name from its value, and members.
_VALUE, _FIRST, _LIST, _COLON, _DICT = range(5)
_CLOSERS = (b"", b"", b"]", b"", b"}")
_EXPECTED = (
    "",
    "",
    "expected separator in list",
    "missing : in object pair",
    "expected separator in dict",
)


class Parser:
    """Parse one value after another, whose tokens come in any number of lots.

    Attributes:
        count: How many tokens of the value under way have come.
    """

    __slots__ = (
        "_braces",
        "_brackets",
        "_container",
        "_error",
        "_key",
        "_seen",
        "_stack",
        "_state",
        "count",
    )

    def __init__(self) -> None:
        self._seen: dict[bytes, JsonValue] = {}
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget the value under way."""
        self.count: int = 0
        self._error: WireError | None = None
        self._braces = 0  # that are open, once there is an error; below 0 if more were closed
        self._brackets = 0
        self._state = _VALUE
        self._container: _Container | None = None
        self._key: str | None = None
        self._stack: list[tuple[_Container | None, str | None]] = []
        if len(self._seen) != len(_KEYWORDS):
            self._seen = dict(_KEYWORDS)

    def take(self, tokens: Sequence[bytes], at: int) -> tuple[int, object]:
        """Take tokens from one on, up to the end of a value.

        Returns:
            Behind which token it stopped, and the value, or the WireError in its place, whose
            reason has no prefix yet. Without either, `UNFINISHED`: all were taken, or the next is
            no token, or one too many, or opens too much.
        """
        start = at
        end = min(len(tokens), at + limits.TOKENS - self.count)
        outcome: object = UNFINISHED
        if self._error is None:
            at, outcome = self._parse(tokens, at, end)
        if self._error is not None:
            at, outcome = self._skip(tokens, at, end)
        self.count += at - start
        return at, outcome

    def _parse(self, tokens: Sequence[bytes], at: int, end: int) -> tuple[int, object]:
        """Take well-formed tokens.

        It is one function because it is the hot path: a token takes 200 ns, and a call adds 95.
        """
        stack, container, key, state = self._stack, self._container, self._key, self._state
        seen, most = self._seen, limits.NESTING
        value: JsonValue
        reason = ""
        while at < end:
            token = tokens[at]
            if state <= _FIRST:
                if token in _OPENERS:
                    if len(stack) >= most:
                        break
                    stack.append((container, key))
                    container = {} if token == b"{" else []
                    key = None
                    state = _FIRST
                    at += 1
                    continue
                if state == _FIRST and token == (b"}" if type(container) is dict else b"]"):
                    value = container
                    container, key = stack.pop()
                elif token in seen:
                    value = seen[token]
                else:
                    if type(token) in FAILURES:
                        break
                    try:
                        value = _scalar(token)
                    except WireError as error:
                        reason = error.reason
                        break
                    if len(seen) < _SEEN:
                        seen[token] = value
            elif token == (b":" if state == _COLON else b","):
                state = _VALUE
                at += 1
                continue
            elif token == _CLOSERS[state]:
                value = container
                container, key = stack.pop()
            else:
                if type(token) not in FAILURES:
                    reason = _EXPECTED[state]
                break
            at += 1
            # The value is complete: put it where it belongs.
            if container is None:
                return at, value
            if type(container) is list:
                container.append(value)
                state = _LIST
            elif key is None:
                if type(value) is not str:
                    reason = "key is not a string in object"
                    break
                key = value
                state = _COLON
            else:
                if key in container:
                    reason = "duplicate key"
                    break
                container[key] = value  # type: ignore[call-overload]  # a dict by now
                key = None
                state = _DICT
        self._container, self._key, self._state = container, key, state
        if reason:
            self._error = WireError(reason)
            kinds = [type(opened) for opened, _ in stack] + [type(container)]
            self._braces, self._brackets = kinds.count(dict), kinds.count(list)
        return at, UNFINISHED

    def _skip(self, tokens: Sequence[bytes], at: int, end: int) -> tuple[int, object]:
        """Count what is opened and closed, until the value would end."""
        braces, brackets = self._braces, self._brackets
        while at < end:
            token = tokens[at]
            braces += _BRACES.get(token, 0)
            brackets += _BRACKETS.get(token, 0)
            if braces + brackets > limits.NESTING or type(token) in FAILURES:
                break
            at += 1
            if braces < 0 or brackets < 0 or not (braces or brackets):
                return at, self._error
        self._braces, self._brackets = braces, brackets
        return at, UNFINISHED


def _scalar(token: bytes) -> JsonValue:
    first = token[0]
    if first in b"\"'":
        return decode_string(token)
    if first in b"-0123456789":
        return _number(token)
    if 0x61 <= first <= 0x7A:
        raise WireError(f"invalid keyword '{replace_malformed(token)}'")
    raise WireError("expecting value")


def _number(token: bytes) -> int | float:
    if len(token) <= 20 and token.lstrip(b"-").isdigit():
        number = int(token)
        if _INT64_MIN <= number <= _UINT64_MAX:
            return number
    return float(token)
