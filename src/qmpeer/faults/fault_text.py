r"""The text of faults: one on a line, in a plan's file or an option.

A fault is a word, in some kinds a name, and ``key=value`` for everything else, in any order::

    cut after=migrate byte=3
    delay reply=query-status seconds=0.5 jitter=0.1 nth=2
    error command=blockdev-add arguments={"driver": "nbd"} desc='no such host'
    inject GUEST_PANICKED data={"action": "pause"} time=2      # a remark

A value is a word without blanks, a JSON object, or a text in quotes: JSON's double ones, or single
ones without escapes. ``#`` begins a remark, but not inside of a value.
"""

import json
import re
from typing import Final

from qmpeer import limits
from qmpeer.errors import FaultError
from qmpeer.faults.fault import Fault, expected_kinds, find_key, find_kind, make_fault, shown
from qmpeer.faults.vocabulary import Form, Key

_BLANKS: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"[^\s=#]+")
_KEY: Final = re.compile(r"([^\s=#\"'{}]+)=")
_SIZE: Final = re.compile(r"([0-9]+)([kKMG]?)(?:i?B)?")
_UNITS: Final = {"": 1, "k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_fault(text: str) -> Fault:
    """Read one fault.

    Raises:
        FaultError: If there is none in the text, or it can't be.
    """
    found = _parse(text)
    if found is None:
        raise FaultError(f"found no fault in {shown(text)}, {expected_kinds()}")
    return found


def parse_faults(text: str, file: str = "") -> list[Fault]:
    """Read the faults of a file, one a line; empty lines and remarks are skipped.

    Args:
        text: The file's text.
        file: Its name, for errors.

    Raises:
        FaultError: If one can't be; its ``place`` is the file and the line.
    """
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found = _parse(line)
            if found is not None:
                faults.append(found)
            if len(faults) > limits.FAULTS:
                raise FaultError(f"found more than {limits.FAULTS} faults")
        except FaultError as error:
            place = f"{file or 'line '}{':' if file else ''}{number}"
            raise FaultError(error.reason, error.hint, place) from None
    return faults


def _parse(text: str) -> Fault | None:
    if len(text) > limits.FAULT_TEXT:
        raise FaultError(f"found {len(text)} characters, expected at most {limits.FAULT_TEXT}")
    at = _skip_blanks(text, 0)
    if at == len(text) or text[at] == "#":
        return None
    match = _WORD.match(text, at)
    word = match.group() if match else text[at]
    at += len(word)
    kind = find_kind(word)
    settings: dict[str, object] = {}
    while (at := _skip_blanks(text, at)) < len(text) and text[at] != "#":
        match = _KEY.match(text, at)
        if match is not None:
            name, at = match[1], match.end()
            key = find_key(kind, name)
        elif kind.name and kind.name not in settings:
            name = kind.name
            key = find_key(kind, name)
        else:
            raise FaultError(f"{word}: found {shown(text[at:])}, expected key=value")
        if name in settings:
            raise FaultError(f"{word}: found {name}= twice")
        value, at = _take_value(text, at, f"{word}: {name}=")
        settings[name] = _read(key, value, word) if isinstance(value, str) else value
    return make_fault(word, settings)


def _skip_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _take_value(text: str, at: int, before: str) -> tuple[object, int]:
    """Return the value at a position, a str unless it is an object or array, and its end."""
    first = text[at : at + 1]
    end: int
    value: object
    if first == "'":
        end = text.find("'", at + 1) + 1
        if not end:
            raise FaultError(f"{before} found no end of the text {shown(text[at:])}")
        value = text[at + 1 : end - 1]
    elif first and first in '"{[':
        try:
            value, end = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise FaultError(f"{before} found {shown(text[at:])}, expected JSON: {error}") from None
    else:
        match = re.compile(r"\S+").match(text, at)
        if match is None:
            raise FaultError(f"{before} found nothing, expected a value")
        value, end = match.group(), match.end()
    if end < len(text) and not text[end].isspace():
        raise FaultError(f"{before} found {shown(text[end:])} behind the value, expected a blank")
    return value, end


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} isn't JSON")


def _read(key: Key, text: str, word: str) -> object:
    """Return the value that a text stands for."""
    match key.form:
        case Form.NUMBER | Form.MESSAGE if re.fullmatch("[0-9]{1,18}", text):
            return int(text)
        case Form.SIZE if (found := _SIZE.fullmatch(text)) is not None and len(text) < 20:
            return int(found[1]) * _UNITS[found[2]]
        case Form.SECONDS:
            try:
                return float(text)
            except ValueError:
                return text
        case _:
            return text
