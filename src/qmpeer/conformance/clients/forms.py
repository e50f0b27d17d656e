"""The legal forms of a message: the same JSON value in other bytes."""

import json
from collections.abc import Iterator
from typing import Final

from qmpeer.conformance.clients.case import Pause
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_compact, encode_line, encode_pretty

_SINGLE: Final = 32
"""The bytes of a message that are sent one by one; the rest follows in larger pieces. On a busy
machine each byte may take some hundredths of a second."""
_BYTE_PAUSE: Final = 0.0005
"""The pause between two pieces, so that each is a packet of its own."""


def pretty(message: JsonObject) -> Iterator[bytes | Pause]:
    """Write a message over many lines, as a pretty monitor does."""
    yield encode_pretty(message)


def lf_only(message: JsonObject) -> Iterator[bytes | Pause]:
    """End lines with LF only."""
    yield encode_line(message)[:-2] + b"\n"


def compact(message: JsonObject) -> Iterator[bytes | Pause]:
    """Leave out all blanks."""
    yield encode_compact(message) + b"\r\n"


def byte_by_byte(message: JsonObject) -> Iterator[bytes | Pause]:
    """Send single bytes, at least a message's first ones; the last ones too, CR and LF apart."""
    text = encode_line(message)
    at, size = 0, 1
    while at < len(text):
        end = min(at + size, max(at + 1, len(text) - 4))
        yield text[at:end]
        yield Pause(_BYTE_PAUSE)
        at = end
        if at >= _SINGLE:
            size *= 2


def spaced(message: JsonObject) -> Iterator[bytes | Pause]:
    """Put blanks and tabs between all tokens."""
    text = json.dumps(message, separators=(" \t, ", "\t : \t"))
    yield b" \t" + text.encode("ascii") + b" \t \r\n"


def apart(message: JsonObject) -> Iterator[bytes | Pause]:
    """Put empty lines between messages."""
    yield b"\r\n" + encode_line(message) + b"\r\n"


def backwards(message: JsonObject) -> Iterator[bytes | Pause]:
    """Write the members of all objects in the reverse order."""
    yield encode_line(in_reverse(message))


def in_reverse(value: JsonValue) -> JsonValue:
    """Return a value with the members of all objects in the reverse order."""
    if isinstance(value, dict):
        return {name: in_reverse(value[name]) for name in reversed(value)}
    return [in_reverse(item) for item in value] if isinstance(value, list) else value


def escaped(message: JsonObject) -> Iterator[bytes | Pause]:
    r"""Write each character of each string as an escape such as ``\u0041``, names included."""
    yield as_escapes(message).encode("ascii") + b"\r\n"


def as_escapes(value: JsonValue) -> str:
    """Return a JSON text in which each character of a string is an escape."""
    if isinstance(value, dict):
        members = (f"{as_escapes(name)}: {as_escapes(item)}" for name, item in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_escapes, value))}]"
    if isinstance(value, str):
        units = value.encode("utf-16-be", "surrogatepass")
        pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
        return '"' + "".join(f"\\u{pair}" for pair in pairs) + '"'
    return json.dumps(value)
