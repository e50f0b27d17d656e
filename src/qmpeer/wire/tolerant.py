"""The tolerant reader: QEMU's JSON dialect in full, one value or error after another.

A value is parsed when its braces and brackets balance, each kind counted for itself, or when
either count goes below zero; newlines mean nothing. After an error the counts start afresh at the
next token. This is the law for a server; the fast path of `qmpeer.wire.server_reader` only hurries
it up.

Spec: JSON as QEMU's monitor reads it, measured on QEMU 7.2.
"""

from typing import TypeAlias

from qmpeer import limits
from qmpeer.errors import LimitError, WireError
from qmpeer.values import JsonValue
from qmpeer.wire.lexer import Lexer, Oversize, Stray
from qmpeer.wire.parser import parse_tokens
from qmpeer.wire.text import replace_malformed

__all__ = ["Item", "TolerantReader"]

Item: TypeAlias = JsonValue | WireError | LimitError
"""What a reader gives: a value, or the error that stands in its place."""

_BRACES = {b"{": 1, b"}": -1}
_BRACKETS = {b"[": 1, b"]": -1}
_STRUCTURE = frozenset((b"{", b"}", b"[", b"]"))
_TOKEN_COST = 48
"""Bytes of a token besides its own: an object, and its place in a list."""


class TolerantReader:
    """Turn bytes, in any chunks, into values and errors.

    Errors are items of the result, in their place among the values; nothing is raised.

    Attributes:
        position: How many bytes of the stream have come; errors bear it.
    """

    __slots__ = ("_braces", "_brackets", "_lexer", "_size", "_tokens", "position")

    def __init__(self) -> None:
        self._lexer = Lexer()
        self.position: int = 0
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._tokens: list[bytes] = []
        self._braces = 0
        self._brackets = 0
        self._size = 0  # of the tokens; between chunks at least that

    @property
    def is_idle(self) -> bool:
        """No value, token or recovery is under way."""
        return not self._tokens and self._lexer.is_idle

    @property
    def held_size(self) -> int:
        """Bytes of memory that what is under way takes, about."""
        return 0 if self.is_idle else self._size + _TOKEN_COST * len(self._tokens)

    def receive_data(self, data: bytes) -> list[Item]:
        """Take in bytes and return what they complete, in order."""
        if len(data) > limits.TOKEN_SIZE:  # a token past the limit must not come whole
            step = limits.TOKEN_SIZE // 2
            pieces = (data[at : at + step] for at in range(0, len(data), step))
            return [item for piece in pieces for item in self.receive_data(piece)]
        self.position += len(data)
        items: list[Item] = []
        if len(data) + self._size <= limits.TOKEN_SIZE:  # no size can be passed
            self._size += len(data)
            self._take(self._lexer.tokens(data), items)
            if items:  # what of it belongs to the value under way isn't looked at here
                self._size = len(data)
        else:
            self._size = sum(map(len, self._tokens))
            self._take_counted(self._lexer.tokens(data), items)
            self._size += len(data)  # a token may be begun
        return items

    def _take_counted(self, found: list[bytes], items: list[Item]) -> None:
        """Take tokens whose sizes have to be added up, one by one."""
        for token in found:
            if self._size + len(token) + 1 > limits.TOKEN_SIZE and type(token) is bytes:
                self._exceed("token size", limits.TOKEN_SIZE, items)
                continue
            self._size += len(token)
            self._take([token], items)

    def _take(self, found: list[bytes], items: list[Item]) -> None:
        tokens, braces, brackets = self._tokens, self._braces, self._brackets
        for token in found:
            if token in _STRUCTURE:
                braces += _BRACES.get(token, 0)
                brackets += _BRACKETS.get(token, 0)
                if braces + brackets > limits.NESTING and len(tokens) < limits.TOKENS:
                    self._exceed("nesting depth", limits.NESTING, items)
                    tokens, braces, brackets = self._tokens, 0, 0
                    continue
            elif type(token) is not bytes:
                self._refuse(token, items)
                tokens, braces, brackets = self._tokens, 0, 0
                continue
            if len(tokens) >= limits.TOKENS:
                self._exceed("token count", limits.TOKENS, items)
                tokens, braces, brackets = self._tokens, 0, 0
                continue
            tokens.append(token)
            if braces < 0 or brackets < 0 or not (braces or brackets):
                items.append(self._parsed(tokens))
                self._start_afresh()
                tokens, braces, brackets = self._tokens, 0, 0
        self._braces, self._brackets = braces, brackets

    def _parsed(self, tokens: list[bytes]) -> JsonValue | WireError:
        try:
            return parse_tokens(tokens)
        except WireError as error:
            text = error.reason.encode()
            if len(text) > limits.ERROR_TEXT:
                text = text[: limits.ERROR_TEXT]
            return WireError("JSON parse error, " + replace_malformed(text), self.position)

    def _refuse(self, token: bytes, items: list[Item]) -> None:
        self._start_afresh()
        if isinstance(token, Oversize):
            self._exceed("token size", limits.TOKEN_SIZE, items)
        elif isinstance(token, Stray):
            reason = f"JSON parse error, stray '{replace_malformed(token)}'"
            items.append(WireError(reason, self.position))

    def _exceed(self, limit: str, value: int, items: list[Item]) -> None:
        self._start_afresh()
        items.append(LimitError(f"JSON {limit} limit exceeded", limit, value))
