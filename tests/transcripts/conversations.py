"""The transcripts, and comparisons of real answers with recorded ones."""

import json
from collections.abc import Iterator
from pathlib import Path

from qmpeer.transcript import Line, Section, Sender, parse_transcript
from qmpeer.values import JsonValue

__all__ = ["CASES", "FILES", "SENTINEL", "by_value", "check_sentinel", "turns"]

FILES = sorted(Path(__file__).parent.glob("*.txt"))
CASES = {path.stem: parse_transcript(path.read_text(encoding="ascii")).sections for path in FILES}
SENTINEL = b'{"execute":"sentinel","id":"S"}\n'
"""Sent after a case, to check that the server still listens."""


def turns(case: Section) -> Iterator[tuple[bytes, bytes]]:
    """Give each group of lines that the client sends at once, and the server's answers to it."""
    said: dict[Sender, bytes] = {Sender.CLIENT: b"", Sender.SERVER: b""}
    last = Sender.CLIENT
    for line in case.entries:
        assert isinstance(line, Line)
        if line.sender is Sender.CLIENT and last is Sender.SERVER:
            yield said[Sender.CLIENT], said[Sender.SERVER]
            said = {Sender.CLIENT: b"", Sender.SERVER: b""}
        last = line.sender
        said[last] += line.data
    yield said[Sender.CLIENT], said[Sender.SERVER]


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _without_clock(value: JsonValue) -> JsonValue:
    if isinstance(value, dict) and "event" in value:
        return {**value, "timestamp": {"seconds": 0, "microseconds": 0}}
    return value


def by_value(data: bytes) -> list[tuple[bool, JsonValue]]:
    """Return a server's lines as values, so that member order and number spelling don't matter.

    Each value comes with True if the line's end is right. The JSON text tells True from 1.
    """
    read = [
        (line.endswith(b"\r\n"), _without_clock(json.loads(line, parse_float=_number)))
        for line in data.splitlines(keepends=True)
    ]
    return [(is_whole, json.dumps(value, sort_keys=True)) for is_whole, value in read]


def check_sentinel(case: Section, said: bytes) -> None:
    """Check the answer to the sentinel: a plain one, or none if the case leaves a value open."""
    if case.facts.get("ends") == "waiting":
        assert said == b""
        return
    ((is_whole, text),) = by_value(said)
    answer = json.loads(str(text))
    assert is_whole
    assert answer["id"] == "S"
    assert answer["error"]["class"] == "CommandNotFound"
