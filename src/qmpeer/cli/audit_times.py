"""Moments on the command line of ``qmpeer audit show``."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from qmpeer.cli.exits import UsageError

_AGO: Final = re.compile(r"(\d{1,6})(s|min|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime, *, is_utc: bool) -> str:
    """Return a moment as the log writes times.

    Args:
        text: A date, a time, or both (2026-11-30, 14:30, 2026-11-30T14:30:05Z); or how long ago it
            is (90s, 10min, 2h, 3d).
        now: The time, with a time zone, in which texts without one are.
        is_utc: True if texts without a time zone are in UTC.

    Raises:
        UsageError: If it is none of these.
    """
    here = now.astimezone(UTC) if is_utc else now
    try:
        if found := _AGO.fullmatch(text):
            there = here - timedelta(**{_UNITS[found[2]]: int(found[1])})
        else:
            there = _absolute(text, here)
        there = there.astimezone(UTC).replace(tzinfo=None)
        return f"{there.isoformat(timespec='microseconds')}Z"
    except OverflowError:
        raise _unknown(text) from None


def _absolute(text: str, here: datetime) -> datetime:
    is_time = re.match(r"\d\d?:", text) is not None
    try:
        there = datetime.fromisoformat(f"{here:%Y-%m-%d} {text.zfill(5)}" if is_time else text)
    except ValueError:
        raise _unknown(text) from None
    if there.tzinfo is None:
        # Not replace(tzinfo=...): on another day, daylight saving time may differ.
        return there.replace(tzinfo=UTC) if here.tzinfo is UTC else there.astimezone()
    return there


def _unknown(text: str) -> UsageError:
    return UsageError(f"found {text!r}, expected a time such as 2026-11-30T14:30, 14:30 or 10min")
