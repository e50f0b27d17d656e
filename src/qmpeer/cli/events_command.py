"""``qmpeer events``: events as they come, a line each."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.cli.command_line import CommandLine, count, seconds
from qmpeer.cli.connecting import ADDRESS_HELP
from qmpeer.cli.event_choice import choice_of
from qmpeer.cli.exits import DONE, STATUSES, UsageError, complain
from qmpeer.cli.output import write_json
from qmpeer.messages import Event, event_message, near_names

if TYPE_CHECKING:
    from qmpeer.client import Client

PROGRAM: Final = "qmpeer events"

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


def run(words: Sequence[str]) -> int:
    """Show events.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the connection ends.
        OSError: If there is no connection, or fewer events than asked for in time.
    """
    given = parser().parse_intermixed_args(words)
    names, match = choice_of(given.names)
    from qmpeer.client import Client

    deadline = None if given.timeout is None else monotonic() + given.timeout
    timeout = limits.CONNECT_TIMEOUT if given.timeout is None else given.timeout
    try:
        client = Client.connect(given.address, timeout=timeout)
    except ValueError as error:
        raise UsageError(str(error)) from error
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


def _warn_of_unknown(client: "Client", names: Sequence[str]) -> None:
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


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(PROGRAM, "Show the events of a QMP server as they come.", _AFTER)
    parser.add_argument("address", metavar="ADDRESS", help=ADDRESS_HELP)
    parser.add_argument(
        "names",
        metavar="NAME|REGEX",
        nargs="*",
        default=[],
        help="which events: those whose whole name matches; by default all",
    )
    parser.add_argument("--count", metavar="N", type=count, help="end after so many")
    parser.add_argument("--timeout", metavar="S", type=seconds, help="end after so many seconds")
    parser.add_argument(
        "--time",
        choices=_TIMES,
        default="clock",
        help="the time before an event, in text: clock, full (with the date), since (seconds after "
        "the event before), none",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", default=None, help="JSON in any case")
    form.add_argument("--text", dest="json", action="store_false", help="text in any case")
    return parser


def _writer(is_json: bool | None, form: str) -> Callable[[Event], None]:
    if is_json is None:
        is_json = not sys.stdout.isatty()
    if is_json:
        return lambda event: write_json(
            event_message(event.name, event.data or None, event.timestamp)
        )
    from msgspec.structs import replace

    from qmpeer.cli.page import Page
    from qmpeer.shell.event_lines import event_line

    page = Page.output()
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
