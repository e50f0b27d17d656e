"""``qmpeer events``: events as they come, one JSON line each."""

from collections.abc import Sequence
from time import monotonic
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import CommandLine, count, seconds
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.output import write_json
from qmpeer.messages import Event
from qmpeer.values import JsonObject

PROGRAM: Final = "qmpeer events"

_AFTER: Final = (
    """\
Each event is one JSON line on standard output, as soon as it comes:
  {"timestamp": {"seconds": ..., "microseconds": ...}, "event": "STOP", "data": {...}}

It ends with status 0 after --count events, or when the time of --timeout is up and there is no
--count; with 3 when the time is up before --count events came, or when the connection ends.

"""
    + STATUSES
)


def run(words: Sequence[str]) -> int:
    """Show events.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the connection ends.
        OSError: If there is no connection, or fewer events than asked for in time.
    """
    given = _parser().parse_intermixed_args(words)
    from qmpeer.client import Client

    deadline = None if given.timeout is None else monotonic() + given.timeout
    timeout = limits.CONNECT_TIMEOUT if given.timeout is None else given.timeout
    try:
        client = Client.connect(given.address, timeout=timeout)
    except ValueError as error:
        raise UsageError(str(error)) from error
    with client, client.events(*given.names) as events:
        shown = 0
        while given.count is None or shown < given.count:
            try:
                event = events.next(None if deadline is None else max(deadline - monotonic(), 0))
            except TimeoutError:
                if given.count is None:
                    break
                reason = f"found {shown} events in {given.timeout:g} s, expected {given.count}"
                raise TimeoutError(reason) from None
            write_json(_message(event))
            shown += 1
    return DONE


def _parser() -> CommandLine:
    parser = CommandLine(PROGRAM, "Show the events of a QMP server as they come.", _AFTER)
    parser.add_argument("address", metavar="ADDRESS", help="unix:PATH, tcp:HOST:PORT, ...")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", default=[], help="which events; by default all"
    )
    parser.add_argument("--count", metavar="N", type=count, help="end after so many")
    parser.add_argument("--timeout", metavar="S", type=seconds, help="end after so many seconds")
    return parser


def _message(event: Event) -> JsonObject:
    message: JsonObject = {}
    if event.timestamp is not None:
        message["timestamp"] = {
            "seconds": event.timestamp.seconds,
            "microseconds": event.timestamp.microseconds,
        }
    message["event"] = event.name
    if event.data:
        message["data"] = event.data
    return message
