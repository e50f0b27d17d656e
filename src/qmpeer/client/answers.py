"""Checked conversion of answers to types. The peer isn't trusted to return the right type."""

import binascii
from typing import Any, Final, TypeVar

import msgspec

from qmpeer.errors import AnswerError

T = TypeVar("T")

UNREADABLE: Final = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""The exceptions of code that reads an answer without checking its form; for optional answers."""


def read_answer(command: str, value: object, kind: type[T], expected: str) -> T:
    """Convert a command's return value to a msgspec type, ignoring unknown members.

    Raises:
        AnswerError: If the value has another form; `expected` describes the right one.
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        raise AnswerError(command, value, expected) from None


def read_base64(command: str, value: Any, text: str) -> bytes:
    """Decode base64, which may be broken into lines, from a member of a command's return value.

    Raises:
        AnswerError: If it isn't base64.
    """
    try:
        data = text.encode("ascii").translate(None, b" \t\r\n")
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise AnswerError(command, value, "base64") from None


def text_of(value: object, otherwise: str = "") -> str:
    """Return an optional string member; a value of another type counts as missing."""
    return value if isinstance(value, str) else otherwise


def count_of(value: object) -> int:
    """Return an optional integer member; 0 if it is missing or of another type."""
    return value if isinstance(value, int) else 0
