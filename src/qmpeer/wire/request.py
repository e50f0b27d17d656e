"""The encoder of a client's commands, which refuses any command that no server could parse.

A server would answer such a text with an error without an id, so the client could only guess which
command it is about. QEMU 7.2 sends a thousand errors for one value that is nested too deep.

Spec: QEMU's reader of JSON: UTF-8 without surrogates and noncharacters, 1024 braces and brackets
open at once, 2 Mi tokens, 64 MiB.
"""

import re
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.errors import LimitError, ValidationError
from qmpeer.values import JsonObject
from qmpeer.wire.structure import count_tokens, has_few_tokens
from qmpeer.wire.writer import encode_compact

_encode = msgspec.json.Encoder().encode
# Compiled on first use, which is rare: each compiled pattern delays a client's start.
NONCHARACTER = (
    rb"\xef\xb7[\x90-\xaf]|\xef\xbf[\xbe\xbf]|[\xf0-\xf4][\x8f\x9f\xaf\xbf]\xbf[\xbe\xbf]"
)
"""A pattern of U+FDD0 to U+FDEF and the last two code points of every plane, in UTF-8."""


def encode_request(message: JsonObject) -> bytes:
    """Return the shortest JSON text of a command, in UTF-8 and without a line ending.

    Spec: QEMU reads one byte at a time, so each byte saved saves time.

    Raises:
        TypeError: If it holds a value that JSON can't express, or itself.
        ValidationError: If it holds a character that no server accepts, a lone surrogate or a
            noncharacter; or a number that JSON can't express, infinity or NaN.
        LimitError: If it is longer or deeper nested than a server accepts.
    """
    try:
        if "arguments" in message:
            text = encode_compact(message, is_exact=True)
        else:  # without arguments nothing can be long, deep or odd
            text = _encode(message)
    except UnicodeEncodeError:
        raise _unreadable(message) from None
    if not text.isascii() and re.search(NONCHARACTER, text) is not None:
        raise _unreadable(message)
    # Such numbers are written as null. `bytes in bytes` takes three times as long as find().
    if text.find(b"null") >= 0 and _holds_odd_number(message):
        raise _inexpressible(message)
    if len(text) <= limits.SMALL_TEXT:
        return text
    if len(text) >= limits.TOKEN_SIZE:
        raise _exceeded(f"takes {len(text)} bytes", "TOKEN_SIZE", limits.TOKEN_SIZE - 1)
    if not has_few_tokens(text, text.count(b"{") + text.count(b"[")):
        tokens = count_tokens(text)
        if tokens > limits.TOKENS:
            raise _exceeded(f"has {tokens} tokens", "TOKENS", limits.TOKENS)
    return text


def _exceeded(found: str, limit: str, value: int) -> LimitError:
    return LimitError(f"a command {found}, expected at most {value}", limit, value)


def _unreadable(message: JsonObject) -> ValidationError:
    """Return the error for a character that no server accepts."""
    wanted = "characters that a server accepts"
    for path, text in _scalars(message):
        for char in text if isinstance(text, str) else "":
            code = ord(char)
            if 0xD800 <= code <= 0xDFFF:
                found = f"U+{code:04X}, a lone surrogate"
            elif 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:
                found = f"U+{code:04X}, a noncharacter"
            else:
                continue
            return ValidationError(f"{path} holds {found}, expected {wanted}", path, wanted, text)
    return ValidationError(f"found a noncharacter, expected {wanted}", "", wanted, message)


def _holds_odd_number(message: JsonObject) -> bool:
    """Return True if a value holds infinity or NaN. It takes less time than writing the value."""
    stack: list[Any] = [message]
    while stack:
        value = stack.pop()
        kind = type(value)
        if kind is dict:
            stack.extend(value.values())
        elif kind is list or kind is tuple:
            stack.extend(value)
        elif kind is float and not isfinite(value):
            return True
    return False


def _inexpressible(message: JsonObject) -> ValidationError:
    """Return the error for a number that JSON can't express."""
    path, value = next(
        each for each in _scalars(message) if type(each[1]) is float and not isfinite(each[1])
    )
    wanted = "a number that JSON can express"
    return ValidationError(f"{path} is {value}, expected {wanted}", path, wanted, value)


def _scalars(message: JsonObject) -> Iterator[tuple[str, object]]:
    """Yield all names, strings and numbers with their paths, in the order of the text."""
    stack: list[Iterator[tuple[str, object]]] = [iter([("", message)])]
    while stack:
        path, value = next(stack[-1], ("", stack))
        if value is stack:
            stack.pop()
        elif isinstance(value, dict):
            stack.append(_members(path, value))
        elif isinstance(value, (list, tuple)):
            stack.append(_items(path, value))
        else:
            yield path, value


def _members(path: str, value: dict[object, object]) -> Iterator[tuple[str, object]]:
    for name, item in value.items():
        yield f"a name in {path or 'the command'}", name
        yield f"{path}.{name}" if path else str(name), item


def _items(path: str, value: Iterable[object]) -> Iterator[tuple[str, object]]:
    for index, item in enumerate(value):
        yield f"{path}[{index}]", item
