"""The parser of QEMU's JSON dialect: the tokens of one value in, the value out.

It walks with a stack of its own, so that any nesting that the reader lets through is safe.
The first thing wrong counts, and tokens left over are not looked at.

Spec: JSON as QEMU's monitor parses it, measured on QEMU 7.2.
"""

from collections.abc import Sequence

from qmpeer.errors import WireError
from qmpeer.values import JsonValue
from qmpeer.wire.text import decode_string, replace_malformed

__all__ = ["parse_tokens"]

_KEYWORDS: dict[bytes, JsonValue] = {b"true": True, b"false": False, b"null": None}
_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1
_OPENERS = frozenset((b"{", b"["))


def parse_tokens(tokens: Sequence[bytes]) -> JsonValue:
    """Return the value that stands at the start of the tokens.

    Integers of 64 bits, signed or unsigned, are exact; larger ones become floats.

    Raises:
        WireError: If there is none; its reason has no prefix yet.
    """
    try:
        return _parse(tokens)
    except IndexError:
        raise WireError("premature EOI") from None


def _parse(tokens: Sequence[bytes]) -> JsonValue:
    seen: dict[bytes, JsonValue] = dict(_KEYWORDS)
    stack: list[tuple[list[JsonValue] | dict[str, JsonValue] | None, str | None]] = []
    container: list[JsonValue] | dict[str, JsonValue] | None = None
    key: str | None = None
    value: JsonValue
    at = 0
    while True:
        token = tokens[at]
        at += 1
        if token in _OPENERS:
            stack.append((container, key))
            container = {} if token == b"{" else []
            key = None
            if tokens[at] != (b"}" if token == b"{" else b"]"):
                continue
            at += 1
            value = container
            container, key = stack.pop()
        elif token in seen:
            value = seen[token]
        else:
            value = seen[token] = _scalar(token)
        while True:  # the value is complete: put it where it belongs, close what ends with it
            if container is None:
                return value
            if type(container) is list:
                container.append(value)
                token = tokens[at]
                at += 1
                if token == b",":
                    break
                if token != b"]":
                    raise WireError("expected separator in list")
            elif key is None:
                if type(value) is not str:
                    raise WireError("key is not a string in object")
                key = value
                if tokens[at] != b":":
                    raise WireError("missing : in object pair")
                at += 1
                break
            else:
                if key in container:
                    raise WireError("duplicate key")
                container[key] = value  # type: ignore[call-overload]  # a dict by now
                key = None
                token = tokens[at]
                at += 1
                if token == b",":
                    break
                if token != b"}":
                    raise WireError("expected separator in dict")
            value = container
            container, key = stack.pop()


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
