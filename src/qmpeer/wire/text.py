"""The decoder of string tokens in QEMU's JSON dialect.

QEMU stores strings in "modified UTF-8": UTF-8 without surrogates and noncharacters, with C0 80 for
U+0000. Python's decoder differs in only three points: it accepts noncharacters, refuses C0 80, and
divides malformed sequences differently. So Python's decoder does the work, and patterns check these
points.

Spec: QEMU's reader and writer of JSON strings, measured on QEMU 7.2.
"""

import re
import sys
from collections.abc import Iterator
from re import Match

import msgspec

from qmpeer.errors import WireError
from qmpeer.wire.request import NONCHARACTER

_NONCHARACTER = re.compile(NONCHARACTER)

_UNIT = re.compile(
    rb"[\x00-\x7f]++|[\xc0-\xdf][\x80-\xbf]?+|[\xe0-\xef][\x80-\xbf]{0,2}+|[\xf0-\xf7][\x80-\xbf]{0,3}+"
    rb"|[\xf8-\xfb][\x80-\xbf]{0,4}+|[\xfc-\xfd][\x80-\xbf]{0,5}+|[\x80-\xbf\xfe\xff]"
)
"""One unit, well-formed or not: a lead byte with as many continuation bytes as it asks for."""

_decode_json = msgspec.json.Decoder(str).decode
_DOUBTFUL_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|[fF][dDfF])")
_HIGH = re.compile(rb"\\u[dD][89abAB]")
_PAIR = len(rb"\ud83d\ude00")
_LONGEST_CHARACTER = 4
_BACKSLASH = ord("\\")
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_NO_CHARACTER = (
    rb"\\u(?:[fF][dD][dDeE]|[fF]{3}[eEfF]"
    rb"|[dD][89abAB][37bBfF][fF]\\u[dD][fF][fF][eEfF])"
)
_DOUBTFUL = re.compile(_NO_CHARACTER)
_PLAIN = re.compile(
    rb"(?:[^\\]++|\\[\"'\\/bfnrt]|(?!" + _NO_CHARACTER + rb")\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]"
    rb"|[dD][0-7])[0-9a-fA-F]{2}"
    rb"|(?!" + _NO_CHARACTER + rb")\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*",
    re.DOTALL,
)
"""A stretch of a string whose escapes are all well-formed and aren't noncharacters."""
_WINDOW = 64 * 1024
"""The number of bytes that one match sees: a match takes up to 128 bytes of memory per byte."""
_SHORT = {ord(escape): text for escape, text in zip("\"'\\/bfnrt", "\"'\\/\b\f\n\r\t", strict=True)}


def _decode(data: bytes) -> str | None:
    """Decode modified UTF-8; return None if it is malformed."""
    if data.isascii():
        return data.decode("ascii")
    if _NONCHARACTER.search(data) is not None:
        return None
    try:
        return data.replace(b"\xc0\x80", b"\x00").decode()
    except UnicodeDecodeError:
        return None


def replace_malformed(data: bytes) -> str:
    """Decode bytes for an error message, with U+FFFD for each malformed unit.

    The text ends at a NUL byte, as in QEMU.
    """
    data = data.partition(b"\x00")[0]
    text = _decode(data)
    if text is not None:
        return text
    return "".join(
        text if (text := _decode(unit)) is not None else "\ufffd" for unit in _UNIT.findall(data)
    )


def decode_string(token: bytes) -> str:
    """Return the text of a string token.

    Args:
        token: A complete token of the lexer, including its double or single quotes.

    Raises:
        WireError: If an escape or a byte sequence is malformed; the first one counts.
    """
    if type(token) is LongString:
        return token.text()
    body = token[1:-1]
    if _BACKSLASH not in body:
        text = _decode(body)
        if text is None:
            raise WireError("invalid UTF-8 sequence in string")
        return text
    if token[0] == 0x22 and token.isascii() and _DOUBTFUL_ESCAPE.search(body) is None:
        try:
            return _decode_json(token)
        except msgspec.DecodeError:
            pass
    return "".join(_decode_escaped(body, token))


class Prefix:
    """The decoded beginning of a long string, so that little work is left at its end.

    Attributes:
        size: The memory of the decoded text, in bytes.
    """

    __slots__ = ("_is_good", "_position", "_quote", "_rest", "_texts", "size")

    def __init__(self, piece: bytes) -> None:
        self._quote = piece[:1]
        self._rest = b""
        self._position = 0  # the end of the decoded part, without the opening quote
        self._texts: list[str] = []
        self._is_good = True
        self.size: int = 0
        self.take(piece[1:])

    def take(self, piece: bytes) -> None:
        """Add more bytes of the token."""
        if self._is_good:
            self._rest += piece
            if len(self._rest) >= _WINDOW:
                self._decode()

    def _decode(self) -> None:
        end = _cut(self._rest, 0, len(self._rest) - _LONGEST_CHARACTER)
        body = self._rest[:end]
        try:
            text = decode_string(self._quote + body + self._quote)
        except WireError:  # it is found again at the end of the string
            self._is_good = False
            self._rest = b""
        else:
            self._texts.append(text)
            self.size += sys.getsizeof(text)
            self._position += end
            self._rest = self._rest[end:]

    def whole(self, token: bytes) -> "LongString":
        """Return the complete token, with its decoded beginning."""
        string = LongString(token)
        string.position = self._position
        string.texts = self._texts
        return string


class LongString(bytes):
    """A string token whose beginning is already decoded.

    Attributes:
        texts: The decoded texts.
        position: The position in the string up to which it is decoded.
    """

    texts: list[str]
    position: int

    def text(self) -> str:
        """Return the whole text; raise as `decode_string` does."""
        token = bytes(self)
        return "".join((*self.texts, *_decode_escaped(token[1:-1], token, self.position)))


def _decode_escaped(body: bytes, token: bytes, position: int = 0) -> Iterator[str]:
    """Decode a string from a position on: odd escapes one by one, everything else in stretches."""
    while position < len(body):
        end = _cut(body, position, position + _WINDOW)
        if end > position and _DOUBTFUL.search(body, position, end) is None:
            try:
                yield _decode_plain(body[position:end])
            except WireError:  # a fault in it: find the first one
                pass
            else:
                position = end
                continue
        match = _PLAIN.match(body, position, max(end, position))
        assert match is not None
        if match.end() > position:
            yield _decode_plain(match[0])
            position = match.end()
        if position < len(body) and body[position] == 0x5C:
            match = _ESCAPE.match(body, position)
            if match is None or match[2] is not None:
                text, position = _short_escape(body, position, token)
            else:
                text, position = _unicode_escape(body, match)
            yield text


def _cut(body: bytes, start: int, position: int) -> int:
    """Return a cut position in a string: the given one, or one between it and the start.

    It cuts no character, no escape and no surrogate pair of escapes. The start must not, either.
    """
    if position >= len(body):
        return len(body)
    escape = body.rfind(b"\\", max(start, position - _PAIR), position)
    if escape >= 0 and _is_escape(body, start, escape):
        high = escape - _PAIR // 2
        has_high = high >= start and _HIGH.match(body, high) and _is_escape(body, start, high)
        return high if has_high else escape
    least = max(escape + 1, position - _LONGEST_CHARACTER)
    while body[position] & 0xC0 == 0x80 and position > least:
        position -= 1
    return position


def _is_escape(body: bytes, start: int, position: int) -> bool:
    """Return whether a backslash begins an escape rather than ending one."""
    before = body[start:position]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 0


def _decode_plain(piece: bytes) -> str:
    """Decode a piece whose escapes are all well-formed and complete."""
    if not piece.isascii() and _NONCHARACTER.search(piece) is not None:
        raise WireError("invalid UTF-8 sequence in string")
    # Convert to JSON: escape quotes, not apostrophes. A control byte replaces escaped backslashes
    # meanwhile.
    piece = piece.replace(b"\\\\", b"\x01")
    if b"\\\xc0" in piece:  # C0 80 would become the letter of an escape
        raise WireError("invalid escape sequence in string")
    piece = piece.replace(b'\\"', b'"').replace(b"\\'", b"'")
    piece = piece.replace(b'"', b'\\"').replace(b"\x01", b"\\\\").replace(b"\xc0\x80", b"\\u0000")
    try:
        return _decode_json(b'"%s"' % piece)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise WireError("invalid UTF-8 sequence in string") from None


def _short_escape(body: bytes, start: int, token: bytes) -> tuple[str, int]:
    byte = body[start + 1]
    if byte == ord("u"):  # wrong digits; QEMU shows four bytes, including the closing quote
        shown = replace_malformed(token[start + 1 : start + 7])
        raise WireError(f"{shown} is not a valid Unicode character")
    text = _SHORT.get(byte)
    if text is None:
        raise WireError("invalid escape sequence in string")
    return text, start + 2


def _unicode_escape(body: bytes, match: Match[bytes]) -> tuple[str, int]:
    code = int(match[1], 16)
    end = match.end()
    if 0xD800 <= code <= 0xDBFF:
        low = _ESCAPE.match(body, end)
        if low is not None and low[1] is not None and 0xDC00 <= int(low[1], 16) <= 0xDFFF:
            code = 0x10000 + ((code & 0x3FF) << 10 | int(low[1], 16) & 0x3FF)
            end = low.end()
    if 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:
        shown = body[match.start() : end].decode("ascii")
        raise WireError(f"{shown} is not a valid Unicode character")
    return chr(code), end
