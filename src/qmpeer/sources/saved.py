"""A finder of answers to query-qmp-schema in files: alone, as a reply, or in a recording."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from qmpeer import limits
from qmpeer.errors import SchemaSyntaxError
from qmpeer.values import JsonValue

_JSON: Final = re.compile(rb'\s*(?:\[\s*[\{\]]|\{\s*["\}])')
_TRANSCRIPT: Final = re.compile(rb"^(?:<-|->)[ \t]*\{", re.M)
_ARROW: Final = re.compile(r"^(?:<-|->)", re.M)
_COMMENT: Final = re.compile(r"^#.*$", re.M)
_BLANK: Final = re.compile(r"\s*")


def holds_answers(data: bytes) -> bool:
    """Return whether a file holds JSON rather than a schema in the QAPI language."""
    return _JSON.match(data) is not None or _TRANSCRIPT.search(data) is not None


def find_answer(data: bytes, name: str) -> JsonValue:
    """Return the first answer to query-qmp-schema.

    Args:
        data: JSON values, one after the other. The lines of a transcript may begin with an arrow.
        name: The file's name, for errors.

    Raises:
        SchemaSyntaxError: If there is no answer, or the text before it isn't JSON.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SchemaSyntaxError(
            f"{name} is neither JSON nor QAPI: byte 0x{data[error.start]:02x}"
            f" at {error.start} is not UTF-8"
        ) from None
    if _TRANSCRIPT.search(data):
        # Two spaces for an arrow keep the columns of error messages right.
        text = _COMMENT.sub("", _ARROW.sub("  ", text))
    for value in islice(_values(text, name), limits.ANSWER_VALUES):
        answer = value["return"] if isinstance(value, dict) and "return" in value else value
        if _is_introspection(answer):
            return answer
    raise SchemaSyntaxError(f"{name} holds no answer to query-qmp-schema")


def _values(text: str, name: str) -> Iterator[JsonValue]:
    decoder, position = json.JSONDecoder(), 0
    while True:
        blank = _BLANK.match(text, position)
        position = blank.end() if blank else position
        if position == len(text):
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            place = f"{name}:{error.lineno}:{error.colno}"
            reason = error.msg[:1].lower() + error.msg[1:]
            raise SchemaSyntaxError(f"{place}: this isn't JSON: {reason}") from None
        except ValueError:  # Python limits the digits of an int
            raise SchemaSyntaxError(f"{name} holds a number with too many digits") from None
        except RecursionError:
            raise SchemaSyntaxError(f"{name} is nested too deeply") from None
        yield value


def _is_introspection(value: JsonValue) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "meta-type" in item for item in value)
    )
