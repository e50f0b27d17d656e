"""``qmpeer events``: events as they come, a line each."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from msgspec.structs import replace

from qmpeer import limits
from qmpeer.cli.command_line import ADDRESS, Subcommand, argument, count, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError, complain
from qmpeer.cli.output import standard_output, write_json
from qmpeer.client import Client
from qmpeer.messages import Event, event_message, near_names
from qmpeer.shell.event_lines import event_line

PROGRAM: Final = "qmpeer events"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]*")

_AFTER: Final = (
    """\
On a terminal each event is a line with the time when it was made; else, and with --json, it is one
line of JSON, as soon as it comes:
  {"timestamp": {"seconds": ..., "microseconds": ...}, "event": "STOP", "data": {...}}

It ends with status 0 after --count events, or when the time of --timeout is up and there is no
--count; with 3 when the time is up before --count events came, or when the connection ends.

example:
  $ qmpeer events /run/vm.qmp STOP RESUME 'JOB_.*'
  14:02:11.093 JOB_STATUS_CHANGE {"status": "created", "id": "job0"}
  14:02:11.094 JOB_STATUS_CHANGE {"status": "running", "id": "job0"}
  $ qmpeer events /run/vm.qmp DEVICE_DELETED --count 1 --timeout 30 --json | jq -r .data.device

"""
    + STATUSES
)
_TIMES: Final = ("clock", "full", "since", "none")


def _run(given: argparse.Namespace) -> int:
    names, match = choice_of(given.names)
    deadline = None if given.timeout is None else monotonic() + given.timeout
    client = connect(given, command_timeout=limits.COMMAND_TIMEOUT)
    write = _writer(given.json, given.time)
    with client, client.events(*names, match=match) as events:
        if names:
            _warn_of_unknown(client, names)
        shown = 0
        while given.count is None or shown < given.count:
            try:
                event = events.next(None if deadline is None else max(deadline - monotonic(), 0))
            except TimeoutError:
                if given.count is None:
                    break
                reason = f"found {shown} events in {given.timeout:g} s, expected {given.count}"
                raise TimeoutError(reason) from None
            write(event)
            shown += 1
    return DONE


def choice_of(words: Sequence[str]) -> tuple[list[str], Callable[[Event], bool] | None]:
    """Return the names that are chosen, or a function of events where a word is no name.

    A name is a regular expression as well, of itself; the whole name of an event has to match.

    Raises:
        UsageError: If a word is neither.

    Example:
        >>> choice_of(["STOP", "RESUME"])
        (['STOP', 'RESUME'], None)
        >>> names, takes = choice_of(["JOB_.*", "STOP"])
        >>> [takes(Event(name, {}, None, 1)) for name in ("JOB_STATUS_CHANGE", "A_STOP")]
        [True, False]
    """
    if all(map(_NAME.fullmatch, words)) and not any("." in word for word in words):
        return list(words), None
    patterns = []
    for word in words:
        try:
            patterns.append(re.compile(word))
        except re.error as error:
            raise UsageError(f"found {word!r}, expected a name or a pattern: {error}") from error
    return [], lambda event: any(pattern.fullmatch(event.name) for pattern in patterns)


def _warn_of_unknown(client: Client, names: Sequence[str]) -> None:
    """Say which names the server's schema lacks: a mistyped one would be waited for in vain."""
    try:
        known = client.names("event", timeout=limits.SHELL_SILENCE)
    except TimeoutError:  # it is busy
        return
    if not known:  # it can't be asked
        return
    for name in names:
        if name not in known:
            near = near_names(name.upper(), known, 1)
            hint = f"; is it {near[0]}?" if near else ""
            complain(PROGRAM, f"warning: the server lists no event {name!r}{hint}")


def _writer(is_json: bool | None, form: str) -> Callable[[Event], None]:
    if is_json is None:
        is_json = not sys.stdout.isatty()
    if is_json:
        return lambda event: write_json(
            event_message(event.name, event.data or None, event.timestamp)
        )
    page = standard_output()
    before: list[float] = []

    def write(event: Event) -> None:
        time = _time(event, form, before)
        if time is None:
            page.write([event_line(event, page.palette)])
        else:
            line = event_line(replace(event, timestamp=None), page.palette)
            page.write([f"{page.palette.paint('time', time)} {line}".lstrip()])

    return write


def _time(event: Event, form: str, before: list[float]) -> str | None:
    """Return the time before an event; None for that of the clock."""
    if form == "none":
        return ""
    stamp = event.timestamp
    if form == "clock" or stamp is None or stamp.seconds < 0:
        return None
    now = stamp.seconds + stamp.microseconds / 1e6
    if form == "since":
        since = now - before[0] if before else 0.0
        before[:] = [now]
        return f"{since:+.6f}"
    try:
        return datetime.fromtimestamp(now, UTC).astimezone().isoformat(" ", "milliseconds")
    except (OverflowError, OSError, ValueError):  # no server's clock is like this
        return None


COMMAND: Final = Subcommand(
    PROGRAM,
    "Show the events of a QMP server as they come.",
    _AFTER,
    (
        ADDRESS,
        argument("names", "NAME|REGEX",
                 "which events: those whose whole name matches; by default all",
                 completes="names:event", nargs="*", default=[]),
        argument("--count", "N", "end after so many", type=count),
        argument("--timeout", "S", "end after so many seconds", type=seconds),
        argument("--time", None, "the time before an event, in text: clock, full (with the date), "
                 "since (seconds after the event before), none", choices=_TIMES, default="clock"),
        (
            argument("--json", None, "JSON in any case", default=None),
            argument("--text", None, "text in any case", dest="json", action="store_false"),
        ),
    ),
    _run,
)  # fmt: skip
