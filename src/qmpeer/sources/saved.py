"""A finder of answers to query-qmp-schema in files: alone, as a reply, or in a recording."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from qmpeer import limits
from qmpeer.errors import SchemaSyntaxError, TranscriptError
from qmpeer.transcript import Line, parse_transcript
from qmpeer.values import JsonValue

_JSON: Final = re.compile(rb'\s*(?:\[\s*[\{\]]|\{\s*["\}])')
_TRANSCRIPT: Final = re.compile(rb"^(?:<-|->)[ \t]*(?:\\xff)*\{", re.M)
_MARK: Final = "   "
"""Blanks in place of a line's mark, which keep the columns of error messages right."""
_BLANK: Final = re.compile(r"\s*")


def holds_answers(data: bytes) -> bool:
    """Return whether a file holds JSON rather than a schema in the QAPI language."""
    return _JSON.match(data) is not None or _TRANSCRIPT.search(data) is not None


def find_answer(data: bytes, name: str) -> JsonValue:
    """Return the first answer to query-qmp-schema.

    Args:
        data: JSON values, one after the other, or a transcript.
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
        text = _messages(data, name)
    for value in islice(_values(text, name), limits.ANSWER_VALUES):
        answer = value["return"] if isinstance(value, dict) and "return" in value else value
        if _is_introspection(answer):
            return answer
    raise SchemaSyntaxError(f"{name} holds no answer to query-qmp-schema")


def _messages(data: bytes, name: str) -> str:
    """Return the messages of a transcript, each on its own line of the text."""
    try:
        transcript = parse_transcript(data, name)
    except TranscriptError as error:
        raise SchemaSyntaxError(str(error)) from None
    lines: list[str] = []
    for section in transcript.sections:
        lines += [""] * (section.line - 1 - len(lines))
        is_open, last = False, -1  # a line without an end goes on in the next one
        for entry in section.entries:
            lines.append("")
            if isinstance(entry, Line):
                text = entry.data.lstrip(b"\xff").decode("utf-8", "replace")
                if not is_open:
                    last = len(lines) - 1
                    lines[last] = _MARK
                lines[last] += text.rstrip("\r\n")
                is_open = not text.endswith("\n")
    return "\n".join(lines)


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
