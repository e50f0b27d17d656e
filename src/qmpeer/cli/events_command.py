"""``qmpeer events``: a server's events as they arrive, one a line."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from msgspec.structs import replace

from qmpeer import limits
from qmpeer.cli.command_line import (
    ADDRESS,
    WAIT_FOR_SOCKET,
    Subcommand,
    argument,
    count,
    seconds,
)
from qmpeer.cli.connecting import connect
from qmpeer.cli.event_output import write_event
from qmpeer.cli.exits import DONE, STATUSES, UsageError, complain
from qmpeer.cli.output import standard_output
from qmpeer.client import Client
from qmpeer.messages import Event, near_names
from qmpeer.shell.event_lines import event_line

PROGRAM: Final = "qmpeer events"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]*")

_AFTER: Final = (
    """\
On a terminal each event is one line of text that begins with the event's time. Elsewhere, and with
--json, each event is one line of JSON, written as soon as it arrives:
  {"timestamp": {"seconds": ..., "microseconds": ...}, "event": "STOP", "data": {...}}

The exit status is 0 after --count events, or after --timeout seconds without --count. It is 3 if
--timeout passes before --count events have arrived, or if the connection ends.

example:
  $ qmpeer events /run/vm.qmp STOP RESUME 'JOB_.*'
  14:02:11.093 JOB_STATUS_CHANGE {"status": "created", "id": "job0"}
  14:02:11.094 JOB_STATUS_CHANGE {"status": "running", "id": "job0"}
  $ qmpeer events /run/vm.qmp DEVICE_DELETED --count 1 --timeout 30 --json | jq -r .data.device

"""
    + STATUSES
)
_TIMES: Final = ("clock", "full", "since", "none")


def _run(namespace: argparse.Namespace) -> int:
    names, match = choice_of(namespace.names)
    deadline = None if namespace.timeout is None else monotonic() + namespace.timeout
    client = connect(namespace, command_timeout=limits.COMMAND_TIMEOUT)
    write = _writer(namespace.json, namespace.time)
    # The warning comes after the subscription: events during its query must not be missed.
    with client, client.events(*names, match=match) as events:
        if names:
            _warn_of_unknown(client, names)
        shown = 0
        while namespace.count is None or shown < namespace.count:
            try:
                event = events.next(None if deadline is None else max(deadline - monotonic(), 0))
            except TimeoutError:
                if namespace.count is None:
                    break
                reason = (
                    f"found {shown} events in {namespace.timeout:g} s, expected {namespace.count}"
                )
                raise TimeoutError(reason) from None
            write(event)
            shown += 1
    return DONE


def choice_of(words: Sequence[str]) -> tuple[list[str], Callable[[Event], bool] | None]:
    """Return the chosen names; or, if a word is a pattern, no names and a function that matches.

    A pattern has to match the whole name of an event, so a plain name matches itself only.

    Raises:
        UsageError: If a word is neither a name nor a regular expression.

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
    """Warn of names that the server's schema lacks: a mistyped event would never arrive."""
    try:
        known = client.names("event", timeout=limits.SHELL_SILENCE)
    except TimeoutError:  # the server is busy: the warning isn't worth a longer wait
        return
    if not known:  # the server has no command that lists its events
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
        return write_event
    output = standard_output()
    before: list[float] = []

    def write(event: Event) -> None:
        time = _time(event, form, before)
        if time is None:
            output.write([event_line(event, output.palette)])
        else:
            line = event_line(replace(event, timestamp=None), output.palette)
            output.write([f"{output.palette.paint('time', time)} {line}".lstrip()])

    return write


def _time(event: Event, form: str, before: list[float]) -> str | None:
    """Return the time to show before an event; None for the clock time, which event_line() adds."""
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
    except (OverflowError, OSError, ValueError):  # a timestamp that no calendar has
        return None


COMMAND: Final = Subcommand(
    PROGRAM,
    "Show the events of a QMP server as they arrive.",
    _AFTER,
    (
        ADDRESS,
        argument("names", "NAME|REGEX",
                 "show only events whose whole name matches; default: all",
                 completes="names:event", nargs="*", default=[]),
        argument("--count", "N", "end after N events", type=count),
        argument("--timeout", "S", "end after S seconds", type=seconds),
        WAIT_FOR_SOCKET,
        argument("--time", None, "the time that text lines begin with: clock, full (with the "
                 "date), since (seconds since the previous event), none", choices=_TIMES,
                 default="clock"),
        (
            argument("--json", None, "write JSON, even on a terminal", default=None),
            argument("--text", None, "write text, even to a pipe or a file", dest="json",
                     action="store_false"),
        ),
    ),
    _run,
)  # fmt: skip
