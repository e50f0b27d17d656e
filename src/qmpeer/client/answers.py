"""What commands return, read as what it should be: the other end decides what comes."""

import binascii
from typing import Any, Final, TypeVar

import msgspec

from qmpeer.errors import AnswerError

T = TypeVar("T")

UNREADABLE: Final = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What code raises that reads an answer without a look at its form; for what may be left out."""


def read_answer(command: str, value: object, kind: type[T], expected: str) -> T:
    """Return a command's value as a type of msgspec's; members that it doesn't have are ignored.

    Raises:
        AnswerError: If it is something else; `expected` says what it should be.
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        raise AnswerError(command, value, expected) from None


def read_base64(command: str, value: Any, text: str) -> bytes:
    """Return what a member of a command's value says in base64, which may stand in lines.

    Raises:
        AnswerError: If it isn't base64.
    """
    try:
        data = text.encode("ascii").translate(None, b" \t\r\n")
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise AnswerError(command, value, "base64") from None


def text_of(value: object, otherwise: str = "") -> str:
    """Return a text that may be left out; one that is no text is as if it were."""
    return value if isinstance(value, str) else otherwise


def count_of(value: object) -> int:
    """Return a number that may be left out, which is 0 then; one that is none is as if it were."""
    return value if isinstance(value, int) else 0
