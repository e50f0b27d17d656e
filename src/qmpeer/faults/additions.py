"""The bytes that a fault adds to a stream: garbage, a flood, an event."""

from typing import Final

from qmpeer import limits
from qmpeer.faults.output import Filler
from qmpeer.faults.rule import Rule
from qmpeer.messages import Timestamp, event_message
from qmpeer.transcript.entries import Sender
from qmpeer.wire import encode_line

_GARBAGE: Final = bytes(set(range(256)).difference(b"{}[]\"'\r\n\xff"))
"""Bytes of garbage: any but line ends, the guest agent's FF, and those that would let JSON's reader
wait for another one."""


def added_bytes(rule: Rule, sender: Sender, now: float) -> Filler | None:
    """Return the bytes that a fault adds to a side's, or None if it adds none.

    Args:
        rule: The fault.
        sender: The side.
        now: The time in seconds since 1970, for an event.
    """
    match rule.word:
        case "garbage":
            return _garbage(rule, sender)
        case "flood":
            head = b'{"return": "' if sender is Sender.SERVER else b'{"execute": "'
            size = int(rule.fault.number("size", 256 << 20))
            return Filler(b"" if _is_inside(rule) else head, b"x" * limits.FAULT_PIECE, size)
        case "inject":
            return _event(rule, now)
        case _:
            return None


def _is_inside(rule: Rule) -> bool:
    """Return True if the bytes go into a message."""
    return bool(rule.fault.get("byte"))


def _garbage(rule: Rule, sender: Sender) -> Filler:
    size = int(rule.fault.number("size", 64))
    piece = bytes(rule.random.choices(_GARBAGE, k=min(size, limits.FAULT_PIECE)))
    if size > len(piece):
        return Filler(b"", piece, size)
    return Filler(piece if _is_inside(rule) else piece + sender.line_end, b"", 0)


def _event(rule: Rule, now: float) -> Filler:
    fault = rule.fault
    data = fault.get("data")
    time = Timestamp(int(now), int(now % 1 * 1_000_000))
    event = event_message(fault.text("name"), data if isinstance(data, dict) else None, time)
    line = encode_line(event)
    return Filler(b"", line, len(line) * int(fault.number("count", 1)))
