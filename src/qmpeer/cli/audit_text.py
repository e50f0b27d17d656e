"""Entries of an audit log as text for people, one line each."""

import calendar
import time
from collections.abc import Iterator, Mapping
from typing import Final

from qmpeer.audit.entries import UNKNOWN, Entry
from qmpeer.display.layout import ENDLESS, Layout
from qmpeer.display.safe_text import columns, cut, visible
from qmpeer.values import UNSET, JsonValue
from qmpeer.wire import encode_compact

_COLOURS: Final[Mapping[str, str]] = {
    "error": "error",
    "interrupted": "hint",
    UNKNOWN: "hint",
    "denied": "error",
    "would-deny": "hint",
    "trouble": "error",
}
_CLIENT: Final = (8, 22)
"""Columns for the client: at first, and at most on a terminal. They grow as clients need them."""
_OUTCOME: Final = 11
_TOOK: Final = 7


class Times:
    """The log's times as people read them, to the millisecond.

    Args:
        is_utc: True for UTC, False for this machine's time zone.
        has_date: True to begin each with the date.
    """

    def __init__(self, is_utc: bool, has_date: bool) -> None:
        self._convert = time.gmtime if is_utc else time.localtime
        self._has_date = has_date
        self._suffix = "Z" if is_utc else ""
        self._known = ("", "", "")

    def of(self, text: str) -> tuple[str, str]:
        """Return the date and the time; a text that is no time unchanged."""
        second, rest = text[:19], text[20:23]
        if second != self._known[0]:
            try:
                seconds = _seconds(second)
            except ValueError:
                return "", text
            there = self._convert(seconds)
            date, clock = time.strftime("%Y-%m-%d %H:%M:%S", there).split()
            self._known = (second, date, clock)
        _, date, clock = self._known
        return date, f"{clock}.{rest}{self._suffix}"


def _seconds(text: str) -> int:
    """Return the seconds since 1970 of a time in UTC."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def took_text(seconds: float) -> str:
    """Return a duration in at most seven columns.

    Example:
        >>> [took_text(each) for each in (0.00012, 0.0123, 1.5, 75, 7300)]
        ['0.1 ms', '12 ms', '1.5 s', '75 s', '122 min']
    """
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 6000 else f"{seconds / 60:.0f} min"


class EntryLines:
    """The lines of entries.

    Args:
        layout: The output.
        is_utc: True for times in UTC.
        is_full: True for lines that are longer than the output is wide.
    """

    def __init__(self, layout: Layout, *, is_utc: bool, is_full: bool) -> None:
        self._layout = layout
        self._width = ENDLESS if is_full else layout.width
        self._has_headings = layout.width < ENDLESS
        self._times = Times(is_utc, not self._has_headings)
        self._date = ""
        self._client = _CLIENT[0]

    def of(self, entry: Entry) -> Iterator[str]:
        """Yield an entry's line, with a line for its date before it where dates are headings."""
        date, clock = self._times.of(entry.time)
        if self._has_headings and date != self._date:
            self._date = date
            yield self._layout.palette.paint("heading", date)
        elif date and not self._has_headings:
            clock = f"{date} {clock}"
        yield self._line(visible(clock), entry)

    def _line(self, clock: str, entry: Entry) -> str:
        name = entry.name.partition(", ")[0]  # the rest is in the line of its connection
        client = visible(f"{entry.client} {name}".strip()) if entry.client else ""
        if self._has_headings:
            client = cut(client, _CLIENT[1])
        self._client = max(self._client, min(columns(client), _CLIENT[1]))
        kind = visible(entry.outcome or entry.what)
        took = "" if entry.seconds is None else took_text(entry.seconds)
        before = f"{_padded(client, self._client)}  "
        behind = f"  {took:>{_TOOK}}  "
        command = visible(entry.command)
        used = columns(f"{clock}  {before}{behind}{command}  ") + max(columns(kind), _OUTCOME)
        about = cut(visible("  ".join(_about(entry))), max(self._width - used, 0))
        paint = self._layout.palette.paint
        colour = _COLOURS.get(entry.outcome or entry.what, "")
        return (
            f"{paint('time', clock)}  {before}{paint(colour, _padded(kind, _OUTCOME))}{behind}"
            f"{paint('name', command)}{'  ' if command and about else ''}{about}"
        ).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _about(entry: Entry) -> Iterator[str]:
    """Yield what an entry says besides: the error first, as lines may be cut."""
    error_class = "" if entry.error_class == "GenericError" else entry.error_class
    if error_class or entry.desc:
        yield ": ".join(filter(None, (error_class, entry.desc)))
    reason = entry.facts.get("reason")
    if isinstance(reason, str) and reason:
        yield reason
    if entry.arguments is not UNSET:
        text = bytes(entry.arguments).decode(errors="replace")
        yield f"(long arguments: {text})" if entry.is_cut else text
    if entry.is_oob:
        yield "out-of-band"
    if entry.fds:
        yield f"fds={entry.fds}"
    if entry.rule:
        yield f"rule={entry.rule}"
    for name, value in entry.facts.items():
        if name == "reason" or value is None or value is False:
            continue
        yield name if value is True else f"{name}={_text(value)}"


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else encode_compact(value).decode()
