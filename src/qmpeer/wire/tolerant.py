"""The tolerant reader: a parser of QEMU's full JSON dialect, which returns values and errors.

A value ends when its braces and brackets balance, each kind counted separately, or when either
count drops below zero. Newlines have no meaning. After an error, counting restarts at the next
token. This reader defines a server's behaviour; the fast path of `qmpeer.wire.server_reader` only
speeds it up.

Spec: JSON as QEMU's monitor reads it, measured on QEMU 7.2.
"""

from typing import TypeAlias

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.values import JsonValue
from qmpeer.wire.lexer import FAILURES, Lexer, Oversize, Stray
from qmpeer.wire.parser import UNFINISHED, Parser
from qmpeer.wire.text import replace_malformed

Item: TypeAlias = JsonValue | WireError | LimitError
"""An item that a reader returns: a value, or an error in place of one."""

_TOKEN_COST = 48
"""The memory of a token in addition to its own bytes: an object, and its slot in a list."""


class TolerantReader:
    """A reader of values and errors from bytes in any chunks.

    Errors are items of the results, in order with the values; nothing is raised.

    Attributes:
        position: The number of bytes received; errors carry it.
    """

    __slots__ = ("_lexer", "_parser", "_size", "position")

    def __init__(self) -> None:
        self._lexer = Lexer()
        self._parser = Parser()
        self._size = 0  # of the tokens of the unfinished value
        self.position: int = 0

    @property
    def is_idle(self) -> bool:
        """True if no value, token or recovery is unfinished."""
        return not self._parser.count and self._lexer.is_idle

    @property
    def held_size(self) -> int:
        """The approximate memory of unfinished input, in bytes."""
        return self._size + self._lexer.held_size + _TOKEN_COST * self._parser.count

    def receive_data(self, data: bytes) -> list[Item]:
        """Receive bytes and return the items that they complete, in order."""
        if len(data) > limits.TOKEN_SIZE:  # no token past the limit may come whole
            step = limits.TOKEN_SIZE // 2
            pieces = (data[at : at + step] for at in range(0, len(data), step))
            return [item for piece in pieces for item in self.receive_data(piece)]
        self.position += len(data)
        items: list[Item] = []
        # Only data that might pass the limit is checked token by token, which is slow.
        can_pass = self._size + self._lexer.size + len(data) >= limits.TOKEN_SIZE
        found = self._lexer.tokens(data)
        if not can_pass:
            self._take(found, items)
            return items
        for token in found:  # near the limit, check each token's size
            if self._size + len(token) + 1 > limits.TOKEN_SIZE and type(token) not in FAILURES:
                self._exceed("token size", limits.TOKEN_SIZE, items)
            else:
                self._take([token], items)
        return items

    def _take(self, found: list[bytes], items: list[Item]) -> None:
        parser = self._parser
        at = begin = 0
        while at < len(found):
            at, outcome = parser.take(found, at)
            if outcome is UNFINISHED:
                if at == len(found):
                    break
                self._refuse(found[at], items)
                at += 1
            else:
                if isinstance(outcome, WireError):
                    outcome = self._error(outcome)
                items.append(outcome)  # type: ignore[arg-type]  # a JSON value, or the error
                parser.start_afresh()
            begin = at
        if begin:
            self._size = 0
        self._size += sum(map(len, found[begin:]))

    def _error(self, error: WireError) -> WireError:
        text = error.reason.encode().replace(b"\0", b"\xc0\x80")
        if len(text) > limits.ERROR_TEXT:
            text = text[: limits.ERROR_TEXT]
        return WireError("JSON parse error, " + replace_malformed(text), self.position)

    def _refuse(self, token: bytes, items: list[Item]) -> None:
        """Add the error for an item that isn't a token, or that passes a limit."""
        if isinstance(token, Stray):
            reason = f"JSON parse error, stray '{replace_malformed(token)}'"
            items.append(WireError(reason, self.position))
            self._parser.start_afresh()
        elif isinstance(token, Oversize):
            self._exceed("token size", limits.TOKEN_SIZE, items)
        elif self._parser.count >= limits.TOKENS:
            self._exceed("token count", limits.TOKENS, items)
        else:
            self._exceed("nesting depth", limits.NESTING, items)

    def _exceed(self, limit: str, value: int, items: list[Item]) -> None:
        self._parser.start_afresh()
        self._size = 0
        items.append(LimitError(f"JSON {limit} limit exceeded", limit, value))
