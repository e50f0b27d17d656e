"""The lexer of QEMU's JSON dialect: bytes in any chunks become tokens and stray bytes.

Theory of operation. Tokens are found in two ways, which agree:

* The pattern ``_RUN`` matches the longest stretch of whole tokens and white space, and ``_TOKENS``
  splits it. Nearly all bytes are handled this way.
* A small automaton handles the place where the run stops: a token that continues in the next data,
  one that began in earlier data, or a lexical error. Its states are QEMU's. A state that leads to
  itself takes a whole stretch of bytes at once, so a string of 64 MiB in a thousand chunks is read
  once and not a thousand times.

After a lexical error, the token that is reported includes the offending byte. The lexer drops it,
and skips to a byte at which a token could begin: one of ``{ } [ ] : ,``, a control byte other than
TAB, or FE/FF.

Spec: JSON as QEMU's monitor reads it (strings in single quotes; no exponent after a lone 0;
keywords are lower case letters), measured on QEMU 7.2.
"""

import re
from enum import Enum

from qmpeer import limits
from qmpeer.wire.text import Prefix


class Stray(bytes):
    """The bytes of a failed token, the offending one last."""

    __slots__ = ()


class Oversize(bytes):
    """An empty placeholder for a token that passed the size limit."""

    __slots__ = ()


FAILURES = frozenset((Stray, Oversize))
"""The types of items that aren't tokens."""

_CHAR = rb"[^\x00-\x1f\xfe\xff%b\\]"
_BODY = _CHAR + rb"*+(?:\\[\x20-\xfd]" + _CHAR + rb"*+)*"
_DQ_BODY, _SQ_BODY = _BODY % (b'"', b'"'), _BODY % (b"'", b"'")
_EXPONENT = rb"[eE][-+]?[0-9]++"
_TOKEN = b"|".join(
    (
        rb"[{}\[\]:,]",
        b'"' + _DQ_BODY + b'"',
        b"'" + _SQ_BODY + b"'",
        # Numbers and keywords count only once a following byte has ended them; some bytes would
        # make them an error instead.
        rb"-?0(?=[^0-9.])",
        rb"-?[1-9][0-9]*+(?=[^0-9.eE])",
        rb"-?(?:0|[1-9][0-9]*+)\.[0-9]++(?=[^0-9eE])",
        rb"-?(?:[1-9][0-9]*+|(?:0|[1-9][0-9]*+)\.[0-9]++)" + _EXPONENT + rb"(?=[^0-9])",
        rb"[a-z]++(?=[^a-z])",
    )
)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_RUN = re.compile(rb"[ \t\r\n]*+(?:(?:" + _TOKEN + rb")[ \t\r\n]*+)*", re.DOTALL)
_TOKENS = re.compile(_TOKEN, re.DOTALL)
_WINDOW = 64 * 1024
"""The number of bytes that one match sees, because a match takes up to 128 bytes of memory per
byte. Possessive groups would avoid that, but Python gets them wrong before 3.11.5."""
_SKIPPED = re.compile(rb"[^{}\[\]:,\x00-\x08\x0a-\x1f\xfe\xff]*+")


class _State(Enum):
    DQ_STRING = "in a string in double quotes"
    DQ_ESCAPE = "behind a backslash in it"
    SQ_STRING = "in a string in single quotes"
    SQ_ESCAPE = "behind a backslash in that"
    SIGN = "behind a minus sign"
    ZERO = "behind a leading 0"
    DIGITS = "in an integer"
    POINT = "behind a decimal point"
    FRACTION = "in the digits behind it"
    E = "behind e or E"
    E_SIGN = "behind its sign"
    EXPONENT = "in the digits of an exponent"
    KEYWORD = "in lower case letters"
    WHOLE = "a token ends with this byte"


_S = _State
_DIGITS_19, _DIGITS_09 = b"123456789", b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_IN_STRING = bytes(range(0x20, 0xFE))


def _moves(*rules: tuple[bytes, _State]) -> dict[int, _State]:
    return {byte: state for chars, state in rules for byte in chars}


_START = _moves(
    (b"{}[]:,", _S.WHOLE),
    (b'"', _S.DQ_STRING),
    (b"'", _S.SQ_STRING),
    (b"-", _S.SIGN),
    (b"0", _S.ZERO),
    (_DIGITS_19, _S.DIGITS),
    (_LETTERS, _S.KEYWORD),
)
_NEXT: dict[_State, dict[int, _State]] = {
    _S.DQ_STRING: _moves((_IN_STRING, _S.DQ_STRING), (b"\\", _S.DQ_ESCAPE), (b'"', _S.WHOLE)),
    _S.DQ_ESCAPE: _moves((_IN_STRING, _S.DQ_STRING)),
    _S.SQ_STRING: _moves((_IN_STRING, _S.SQ_STRING), (b"\\", _S.SQ_ESCAPE), (b"'", _S.WHOLE)),
    _S.SQ_ESCAPE: _moves((_IN_STRING, _S.SQ_STRING)),
    _S.SIGN: _moves((b"0", _S.ZERO), (_DIGITS_19, _S.DIGITS)),
    _S.ZERO: _moves((b".", _S.POINT)),
    _S.DIGITS: _moves((_DIGITS_09, _S.DIGITS), (b".", _S.POINT), (b"eE", _S.E)),
    _S.POINT: _moves((_DIGITS_09, _S.FRACTION)),
    _S.FRACTION: _moves((_DIGITS_09, _S.FRACTION), (b"eE", _S.E)),
    _S.E: _moves((b"+-", _S.E_SIGN), (_DIGITS_09, _S.EXPONENT)),
    _S.E_SIGN: _moves((_DIGITS_09, _S.EXPONENT)),
    _S.EXPONENT: _moves((_DIGITS_09, _S.EXPONENT)),
    _S.KEYWORD: _moves((_LETTERS, _S.KEYWORD)),
}
_IN_STRINGS = {_S.DQ_STRING, _S.DQ_ESCAPE, _S.SQ_STRING, _S.SQ_ESCAPE}
_ENDS_BEFORE = {_S.ZERO, _S.DIGITS, _S.FRACTION, _S.EXPONENT, _S.KEYWORD}
"""States in which any byte without a transition ends the token and begins the next one …"""
_SPOILED_BY = {_S.ZERO: _DIGITS_09}
"""… except these bytes, which make it a lexical error."""
_STRETCH = {
    _S.DQ_STRING: re.compile(_DQ_BODY, re.DOTALL),
    _S.SQ_STRING: re.compile(_SQ_BODY, re.DOTALL),
    _S.DIGITS: re.compile(rb"[0-9]*+"),
    _S.FRACTION: re.compile(rb"[0-9]*+"),
    _S.EXPONENT: re.compile(rb"[0-9]*+"),
    _S.KEYWORD: re.compile(rb"[a-z]*+"),
}


class Lexer:
    """A splitter of a byte stream into tokens.

    Attributes:
        size: The bytes received of an unfinished token.
    """

    __slots__ = ("_is_skipping", "_pieces", "_prefix", "_state", "size")

    def __init__(self) -> None:
        self._state: _State | None = None
        self._pieces: list[bytes] = []
        self._prefix: Prefix | None = None  # of a long string
        self.size: int = 0
        self._is_skipping = False

    @property
    def is_idle(self) -> bool:
        """True if no token is unfinished and nothing is being skipped."""
        return self._state is None and not self._is_skipping

    @property
    def held_size(self) -> int:
        """The approximate memory of an unfinished token, in bytes."""
        return self.size if self._prefix is None else self.size + self._prefix.size

    def tokens(self, data: bytes) -> list[bytes]:
        """Return the tokens that this data completes, in order.

        A failed token gives a `Stray`, one that passed the size limit an `Oversize`. Numbers and
        keywords are complete only once a following byte has come.
        """
        found: list[bytes] = []
        position, end = 0, len(data)
        if self._state is not None:
            position = self._step(data, 0, found)
        while position < end:
            if self._is_skipping:
                match = _SKIPPED.match(data, position)
                assert match is not None
                position = match.end()
                if position == end:
                    break
                self._is_skipping = False
            match = _RUN.match(data, position, position + _WINDOW)
            assert match is not None
            if match.end() > position:
                # The byte after the run must be visible: it ends a number or a keyword.
                found += _TOKENS.findall(data, position, match.end() + 1)
                position = match.end()
                if position == end:
                    break
            position = self._step(data, position, found)
        return found

    def _step(self, data: bytes, position: int, found: list[bytes]) -> int:
        """Read one token with the automaton; return the position of the next one."""
        start, end = position, len(data)
        state = self._state
        if state is None:
            state = _START.get(data[position])
            position += 1
            if state is None:
                self._fail(data[start:position], found)
                return position
        while state is not _S.WHOLE:
            stretch = _STRETCH.get(state)
            if stretch is not None:
                match = stretch.match(data, position, position + _WINDOW)
                assert match is not None
                position = match.end()
                room = limits.TOKEN_SIZE - self.size
                if position - start > room:
                    return self._oversize(start + room + 1, found)
            if position == end:
                self._keep(state, data[start:])
                return end
            byte = data[position]
            following = _NEXT[state].get(byte)
            if following is not None:
                state = following
                position += 1
            elif state in _ENDS_BEFORE and byte not in _SPOILED_BY.get(state, b""):
                break
            else:
                self._fail(data[start : position + 1], found)
                return position + 1
        found.append(self._whole(data[start:position]))
        return position

    def _keep(self, state: _State, piece: bytes) -> None:
        self._state = state
        self._pieces.append(piece)
        self.size += len(piece)
        if self.size > limits.SLICE and state in _IN_STRINGS:
            if self._prefix is None:
                self._prefix = Prefix(b"".join(self._pieces))
            else:
                self._prefix.take(piece)

    def _whole(self, piece: bytes) -> bytes:
        if self._state is None:
            return piece
        self._pieces.append(piece)
        token = b"".join(self._pieces)
        if self._prefix is not None:
            token = self._prefix.whole(token)
        self._state = self._prefix = None
        self._pieces = []
        self.size = 0
        return token

    def _fail(self, piece: bytes, found: list[bytes]) -> None:
        found.append(Stray(self._whole(piece)))
        self._is_skipping = True

    def _oversize(self, position: int, found: list[bytes]) -> int:
        self._whole(b"")
        found.append(Oversize())
        return position
