"""The parser of QEMU's JSON dialect: the tokens of a value become the value.

It uses a stack of its own instead of recursion, so any nesting that the reader accepts is safe.
Only the first fault of a value counts; its remaining tokens are ignored.

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
"""The number of distinct tokens of one value whose decoded values are cached."""
_Container: TypeAlias = list[JsonValue] | dict[str, JsonValue]
UNFINISHED = object()
"""The outcome for a value that isn't complete yet."""

# The states, by what the next token must be: a value; a value or the end of an empty container; the
# separator in a list; the colon after a member's name; the separator of members.
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
    """A parser of one value after another, whose tokens may come in several calls.

    Attributes:
        count: The number of tokens received of the unfinished value.
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
        """Forget the unfinished value."""
        self.count: int = 0
        self._error: WireError | None = None
        self._braces = 0  # open ones after an error; negative if more were closed
        self._brackets = 0
        self._state = _VALUE
        self._container: _Container | None = None
        self._key: str | None = None
        self._stack: list[tuple[_Container | None, str | None]] = []
        if len(self._seen) != len(_KEYWORDS):
            self._seen = dict(_KEYWORDS)

    def take(self, tokens: Sequence[bytes], at: int) -> tuple[int, object]:
        """Parse tokens from index `at` on, up to the end of a value.

        Returns:
            The index of the first token that wasn't taken, and the outcome: the value, or a
            WireError whose reason has no prefix yet, or `UNFINISHED`. In the last case all tokens
            were taken, or the next one isn't a token, or would pass the limit of tokens or of
            nesting.
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
        """Parse tokens up to the first fault.

        This is a single function because it is the hot path: a token takes 200 ns, and a call would
        add 95 ns.
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
            # The value is complete: put it into its container.
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
        """Skip the tokens of a faulty value up to the bracket that ends it."""
        braces, brackets = self._braces, self._brackets
        while at < end:
            token = tokens[at]
            braces += _BRACES.get(token, 0)
            brackets += _BRACKETS.get(token, 0)
            if braces + brackets > limits.NESTING or type(token) in FAILURES:
                break
            at += 1
            # QEMU counts both kinds separately, and doesn't check that they match.
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
