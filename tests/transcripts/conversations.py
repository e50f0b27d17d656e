"""The transcripts, and functions that compare a real conversation with them."""

import json
from collections.abc import Iterator
from pathlib import Path

from qmpeer.values import JsonValue
from tests.transcripts.reader import Case, Sender, parse_transcript

__all__ = ["CASES", "FILES", "SENTINEL", "by_value", "check_sentinel", "turns"]

FILES = sorted(Path(__file__).parent.glob("*.txt"))
CASES = {path.stem: parse_transcript(path.read_text(encoding="ascii")).cases for path in FILES}
SENTINEL = b'{"execute":"sentinel","id":"S"}\n'
"""Sent when a case is over, to see that the server listens still."""


def turns(case: Case) -> Iterator[tuple[bytes, bytes]]:
    """Yield what the client sends at once, and the server's answer to that."""
    sent: dict[Sender, bytes] = {Sender.CLIENT: b"", Sender.SERVER: b""}
    last = Sender.CLIENT
    for line in case.lines:
        if line.sender is Sender.CLIENT and last is Sender.SERVER:
            yield sent[Sender.CLIENT], sent[Sender.SERVER]
            sent = {Sender.CLIENT: b"", Sender.SERVER: b""}
        last = line.sender
        sent[last] += line.data
    yield sent[Sender.CLIENT], sent[Sender.SERVER]


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _without_clock(value: JsonValue) -> JsonValue:
    if isinstance(value, dict) and "event" in value:
        return {**value, "timestamp": {"seconds": 0, "microseconds": 0}}
    return value


def by_value(data: bytes) -> list[tuple[bool, JsonValue]]:
    """Return a server's lines as values, without member order and number spelling.

    Each is paired with True if its line end is right. Values are compared as JSON text, in which
    true and 1 differ.
    """
    read = [
        (line.endswith(b"\r\n"), _without_clock(json.loads(line, parse_float=_number)))
        for line in data.splitlines(keepends=True)
    ]
    return [(is_whole, json.dumps(value, sort_keys=True)) for is_whole, value in read]


def check_sentinel(case: Case, output: bytes) -> None:
    """Check the sentinel's answer: a plain one, or none if the case leaves a value incomplete."""
    if case.facts.get("ends") == "waiting":
        assert output == b""
        return
    ((is_whole, text),) = by_value(output)
    answer = json.loads(str(text))
    assert is_whole
    assert answer["id"] == "S"
    assert answer["error"]["class"] == "CommandNotFound"
