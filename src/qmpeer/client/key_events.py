"""The commands that press keys, and their times."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.keyboard import Stroke, Typed
from qmpeer.values import JsonObject


def key_events(keys: Iterable[str], is_down: bool) -> JsonObject:
    """Return the arguments of "input-send-event" that press or release keys."""
    return {
        "events": [
            {"type": "key", "data": {"down": is_down, "key": {"type": "qcode", "data": key}}}
            for key in keys
        ]
    }


KEY_PROBE: Final = key_events(["unmapped"], False)
"""Arguments of "input-send-event" that release no key. The command fails if the machine isn't
running or has no keyboard; "send-key" would lose its keys silently."""


def send_key(stroke: Stroke, rate: float) -> JsonObject:
    """Return the arguments of "send-key" for a stroke.

    QEMU presses the keys in order and releases them in reverse, one change each hold-time.

    Spec: QEMU, ui/input.c, qmp_send_key.
    """
    return {
        "keys": [{"type": "qcode", "data": key} for key in stroke.keys],
        "hold-time": _hold_time(rate),
    }


def _hold_time(rate: float) -> int:
    """Return the milliseconds between two changes of keys."""
    return max(1, math.ceil(min(0.5 / rate, limits.KEY_HOLD) * 1000))


def duration(strokes: Iterable[Stroke], rate: float) -> float:
    """Return the seconds that strokes take at a number of keys a second."""
    # QEMU takes two hold-times for each key, one after each change. Commands that came faster would
    # fill its queue of keys, which drops silently what it can't take.
    return sum(len(stroke.keys) for stroke in strokes) * max(1 / rate, _hold_time(rate) / 500)


def all_strokes(planned: Sequence[Typed]) -> Iterable[Stroke]:
    """Return the strokes of all characters."""
    return (stroke for typed in planned for stroke in typed.strokes)


def check_rate(rate: float) -> None:
    """Check a number of keys a second.

    Raises:
        ValueError: If it is out of range.
    """
    if not limits.KEY_RATE_LEAST <= rate <= limits.KEY_RATE_MOST:
        expected = f"expected {limits.KEY_RATE_LEAST:g} to {limits.KEY_RATE_MOST:g}"
        raise ValueError(f"found a rate of {rate} keys a second, {expected}")
