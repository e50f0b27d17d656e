"""Cases about events, which stop and cont cause: R35 to R37."""

from time import time
from typing import Any, Final

from qmpeer import limits
from qmpeer.conformance.results import Level
from qmpeer.conformance.servers.answers import answer_of, is_event, returns
from qmpeer.conformance.servers.connection import Connection
from qmpeer.conformance.servers.table import Table
from qmpeer.conformance.servers.trial import Trial, check, line
from qmpeer.conformance.servers.verdicts import Mismatch, NotTried

CASES: Final = Table()
MUST, SHOULD, AS_QEMU = Level
_CLOCKS: Final = 24 * 3600
"""Seconds by which the clocks of two hosts may differ."""


def _ready(trial: Trial) -> Connection:
    """Return a connection to a machine that runs."""
    trial.needs("stop", "cont")
    connection = trial.ready()
    connection.ask(line("cont", id="cont"))
    connection.events.clear()
    connection.forget()
    return connection


def _stop(connection: Connection) -> dict[str, Any]:
    """Stop the machine and let it go on; return the event STOP."""
    connection.ask(line("stop", id="stop"))
    events = list(connection.events)
    connection.ask(line("cont", id="cont"))
    stops = [each for each in events if each.get("event") == "STOP"]
    names = ", ".join(str(each.get("event")) for each in events) or "no event"
    check(len(stops) == 1, "one event STOP", names)
    event: dict[str, Any] = stops[0]
    return event


@CASES.case("event", "R35", MUST, "an event has its name and a timestamp", changes=True)
def _(trial: Trial) -> None:
    event = _stop(_ready(trial))
    check(set(event) <= {"event", "timestamp", "data"}, "event, timestamp, data", list(event))
    stamp = event.get("timestamp")
    is_right = isinstance(stamp, dict) and all(
        type(stamp.get(name)) is int for name in ("seconds", "microseconds")
    )
    check(is_right, "timestamp with the integers seconds and microseconds", stamp)


@CASES.case("event-time", "R35", SHOULD, "the timestamp is the time of its creation", changes=True)
def _(trial: Trial) -> None:
    stamp = _stop(_ready(trial)).get("timestamp")
    if not isinstance(stamp, dict):
        raise Mismatch("a timestamp, an object", str(stamp))
    seconds, micro = stamp.get("seconds"), stamp.get("microseconds")
    if (seconds, micro) == (-1, -1):
        raise NotTried("the server's clock failed")
    is_now = isinstance(seconds, int) and abs(seconds - time()) < _CLOCKS
    check(is_now, "the seconds since 1970", seconds)
    is_part = isinstance(micro, int) and 0 <= micro < 1_000_000
    check(is_part, "0 to 999,999 microseconds", micro)


@CASES.case("event-without-data", "R35", AS_QEMU, "STOP, which has no data, lacks the member",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    event = _stop(_ready(trial))
    check("data" not in event, "no member data", event.get("data"))


@CASES.case("event-before-reply", "R37", SHOULD, "an event precedes its command's reply",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    connection = _ready(trial)
    connection.send(line("stop", id="stop"))
    first, second = connection.receive(), connection.receive()
    connection.ask(line("cont", id="cont"))
    found = f"{answer_of(first)}, {answer_of(second)}"
    check(is_event(first) and not is_event(second), "event, return with the id stop", found)


@CASES.case("events-are-not-repeated", "R36", MUST, "a client gets no events from before it came",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    connection = _ready(trial)
    _stop(connection)
    connection.close()
    other = trial.ready()
    other.ask(b"", 0)
    check(not other.events, "no event", f"{len(other.events)} events")


def _second(trial: Trial) -> Connection:
    """Return a second connection beside the first; only its greeting was read.

    Raises:
        NotTried: If the server serves one client at a time, as QEMU's sockets do.
    """
    if not trial.facts.greets:
        raise NotTried("the server doesn't greet, so nobody sees that it serves a second client")
    if trial.facts.serves_many is not False:
        connection = trial.connect(is_second=True)
        trial.facts.serves_many = connection.receive(limits.CONFORMANCE_SECOND) is not None
        if trial.facts.serves_many:
            return connection
    raise NotTried("the server serves one client at a time")


@CASES.case("events-for-all", "R36", MUST, "an event goes to all clients that have negotiated",
            changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    one = _ready(trial)
    other = _second(trial)
    trial.exchange(other, line("qmp_capabilities", id=1), returns(1))
    _stop(one)
    other.ask(b"", 0)
    check(any(each.get("event") == "STOP" for each in other.events), "STOP", "no such event")


@CASES.case("no-events-before-negotiation", "R36", MUST,
            "a client that hasn't negotiated gets no events", changes=True)  # fmt: skip
def _(trial: Trial) -> None:
    one = _ready(trial)
    other = _second(trial)
    _stop(one)
    other.ask(line("qmp_capabilities", id=1))
    check(not other.events, "no event", f"{len(other.events)} events")
