"""QEMU's ``key=value,key=value`` language for one option's argument.

A comma in a value is written twice. A key without a value is a flag: ``server`` is ``server=on``,
``nowait`` is ``wait=off``. The first part may omit its key if the option implies one:
``-name vm0`` is ``-name guest=vm0``.

Spec: QEMU's option syntax. A value without its key ends at a comma. If it contains an ``=``, the
text before that is read as a key; so a path with an ``=`` must be written as ``path=…``.
"""

import re
from typing import Final, NamedTuple

from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.on_off import on_or_off
from qmpeer.values import JsonObject
from qmpeer.wire import ServerReader

_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_INTEGER: Final = re.compile(r"[ \t-\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_SIZE: Final = re.compile(
    r"[ \t-\r]*\+?(?P<whole>[0-9]+)(?P<fraction>\.[0-9]*)?(?P<suffix>[bkmgtpeBKMGTPE]?)"
)
_HEX_SIZE: Final = re.compile(
    r"[ \t-\r]*\+?(?P<whole>0[xX][0-9a-fA-F]+)(?P<fraction>)(?P<suffix>[kmgtpKMGTP]?)"
)
_SUFFIXES: Final = "bkmgtpe"
_LONGEST_NUMBER: Final = 22  # digits: 2^64 in octal has that many
_TOO_MUCH: Final = 1 << 64
_ID_HINT: Final = "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter."
_SIZE_HINT: Final = (
    "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
    "and exabytes, respectively."
)


class KeyValue(NamedTuple):
    """One key with its value, and the flag's text if it was written as a flag."""

    key: str
    value: str
    flag: str | None = None

    @property
    def warning(self) -> str | None:
        """QEMU's warning for a flag; None if it wasn't a flag."""
        if self.flag is None:
            return None
        better = f"{self.key}={self.value}"
        if self.key == "delay":
            better = "nodelay=" + ("off" if self.value == "on" else "on")
        return f"short-form boolean option '{self.flag}' deprecated\nPlease use {better} instead"


def parse_key_values(text: str, *, implied_key: str | None = None) -> list[KeyValue]:
    """Split an argument into its keys and values, in order, repeated ones included.

    Args:
        text: The argument from the command line.
        implied_key: The key of the first part if it has none.

    Example:
        >>> [pair[:2] for pair in parse_key_values("/a,,b,server,nowait", implied_key="path")]
        [('path', '/a,b'), ('server', 'on'), ('wait', 'off')]
    """
    pairs: list[KeyValue] = []
    at = 0
    while at < len(text):
        key_end = _first_of(text, at)
        if text[key_end : key_end + 1] == "=":
            key = text[at:key_end]
            value, at = _take_value(text, key_end + 1)
            pairs.append(KeyValue(key, value))
        elif implied_key is not None and not pairs:
            value, at = _take_value(text, at)
            pairs.append(KeyValue(implied_key, value))
        else:
            pairs.append(_flag(text[at:key_end]))
            at = key_end + 1
    return pairs


def split_key_values(text: str, *, implied_key: str | None = None) -> list[tuple[str, str]]:
    """Split an argument into plain pairs of key and value.

    Example:
        >>> split_key_values("/run/a,,b,server,nowait", implied_key="path")
        [('path', '/run/a,b'), ('server', 'on'), ('wait', 'off')]
    """
    return [(key, value) for key, value, _ in parse_key_values(text, implied_key=implied_key)]


def read_structured(text: str) -> JsonObject:
    """Parse the argument of an option that QEMU declares in QAPI: a JSON object, or key=value.

    Spec: this syntax has no flags; the last of a repeated key counts.

    Raises:
        ChardevError: If it is neither, in QEMU's words.

    Example:
        >>> read_structured("deprecated-input=reject"), read_structured('{"id": "a"}')
        ({'deprecated-input': 'reject'}, {'id': 'a'})
    """
    if text.startswith("{"):
        return read_json(text)
    pairs: JsonObject = {}
    at = 0
    while at < len(text):
        key_end = _first_of(text, at)
        key = text[at:key_end]
        if text[key_end : key_end + 1] != "=":
            raise ChardevError(f"Expected '=' after parameter '{key}'")
        pairs[key], at = _take_value(text, key_end + 1)
    return pairs


def read_json(text: str) -> JsonObject:
    """Parse an option's argument that is a JSON object.

    Raises:
        ChardevError: If it isn't one, in QEMU's words.
    """
    found = ServerReader().receive_data(f"{text}\n".encode("utf-8", "surrogateescape"))
    if len(found) > 1:
        raise ChardevError("Expecting at most one JSON value")
    if found and isinstance(found[0], dict):
        return found[0]
    raise ChardevError(str(found[0]) if found else "JSON parse error, premature EOI")


def read_boolean(key: str, value: str) -> bool:
    """Parse the value of a boolean key.

    Raises:
        ChardevError: If it isn't a boolean, in QEMU's words.
    """
    if (is_on := on_or_off(value)) is None:
        raise ChardevError(qemu_texts.expects(key, "'on' or 'off'"))
    return is_on


def read_number(key: str, value: str) -> int:
    """Parse the value of a numeric key: decimal, 0x… or 0…; -1 is the largest number.

    Raises:
        ChardevError: If it isn't a number, in QEMU's words.
    """
    found = _INTEGER.fullmatch(value)
    if found is None:
        raise ChardevError(qemu_texts.expects(key, "a number"))
    sign, digits = found.groups()
    number = _unsigned(digits, base=8 if digits.startswith("0") else 10)
    if number >= _TOO_MUCH:
        raise ChardevError(f"Value '{value}' is too large for parameter '{key}'")
    # As with C's strtoull(), a minus wraps around.
    return _TOO_MUCH - number if sign == "-" and number else number


def read_size(key: str, value: str) -> int:
    """Parse a size: a number of bytes, or a number with the suffix k, M, G, T, P or E.

    Spec: QEMU rounds half bytes up, and accepts no fraction without a suffix.

    Raises:
        ChardevError: If it isn't a size, in QEMU's words.

    Example:
        >>> read_size("size", "64k"), read_size("size", "1.5M"), read_size("size", "0x10")
        (65536, 1572864, 16)
    """
    found = _HEX_SIZE.fullmatch(value) or _SIZE.fullmatch(value)
    if found is None:
        raise _no_size(key)
    whole = _unsigned(found["whole"], base=10)
    scale = 1 << 10 * _SUFFIXES.index((found["suffix"] or "b").lower())
    # In units of 2^-64, for exact rounding.
    fraction = min(int(float(f"0{found['fraction'] or ''}0") * _TOO_MUCH), _TOO_MUCH - 1)
    if whole >= _TOO_MUCH and (found["fraction"] or found["suffix"]):
        raise _no_size(key)
    if fraction and scale == 1:
        raise _no_size(key)
    size = whole * scale + (fraction * scale + _TOO_MUCH // 2) // _TOO_MUCH
    if size >= _TOO_MUCH:
        raise ChardevError(f"Value '{value}' is out of range for parameter '{key}'")
    return size


def size_warning(value: str) -> str | None:
    """Return QEMU's warning for a size, or None."""
    found = _HEX_SIZE.fullmatch(value)
    if found is None or not found["suffix"]:
        return None
    return f"Using a multiplier suffix on hex numbers is deprecated: {value}"


def check_id(text: str) -> str:
    """Return a valid identifier unchanged.

    Raises:
        ChardevError: If it isn't valid, in QEMU's words.
    """
    if not _ID.fullmatch(text):
        raise ChardevError(qemu_texts.expects("id", "an identifier"), hint=_ID_HINT)
    return text


def _no_size(key: str) -> ChardevError:
    return ChardevError(
        qemu_texts.expects(key, "a non-negative number below 2^64"), hint=_SIZE_HINT
    )


def _unsigned(digits: str, base: int) -> int:
    """Parse digits, hexadecimal behind 0x; all numbers that are too large give one result."""
    if digits[1:2] in ("x", "X"):
        digits, base = digits[2:], 16
    digits = digits.lstrip("0") or "0"
    # int() of a million digits takes long, and newer Pythons refuse it.
    return int(digits, base) if len(digits) <= _LONGEST_NUMBER else _TOO_MUCH


def _first_of(text: str, start: int) -> int:
    """Return the end of a key: the first comma, or the first "=" before it."""
    comma = text.find(",", start)
    end = len(text) if comma < 0 else comma
    equals = text.find("=", start, end)
    return end if equals < 0 else equals


def _take_value(text: str, start: int) -> tuple[str, int]:
    """Return the value up to its single comma, and the start of the next key."""
    at = start
    while (at := text.find(",", at)) >= 0:
        if text[at + 1 : at + 2] != ",":
            return text[start:at].replace(",,", ","), at + 1
        at += 2
    return text[start:].replace(",,", ","), len(text)


def _flag(name: str) -> KeyValue:
    if name.startswith("no"):
        return KeyValue(name[2:], "off", name)
    return KeyValue(name, "on", name)
