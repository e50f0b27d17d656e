"""The events that complete commands: for each command whose effect comes after its reply.

A rule names the event that shows the effect, the events that show a failure, whether a guest must
act before the event comes, and the query that shows the effect when no event comes: a machine that
was stopped before sends no STOP.

Jobs and migration have `AsyncClient.run_job` and `AsyncClient.migrate`.

Spec: QEMU, the reference of each command and event.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from qmpeer import limits
from qmpeer.client.answers import UNREADABLE, text_of
from qmpeer.client.events import Match, matcher
from qmpeer.errors import CommandInterrupted, CompletionError, ConnectionClosed
from qmpeer.messages import Event, near_names
from qmpeer.values import JsonObject, JsonValue

Test: TypeAlias = Callable[[Event], bool]

_GUEST_GONE: Final = ("RESET", "SHUTDOWN")
"""The events after which a guest won't do any more what it was asked for."""
_REFUSALS: Final = frozenset({1, 2, 0x80, 0x81, 0x82, 0x83})
"""Status codes of a guest that doesn't eject a device. ACPI 6.5, table 6.20 (_OST)."""
_EJECTIONS: Final = frozenset({3, 0x103})
"""Sources of such a status: a request of the machine, or of the guest's administrator."""
_PAGE: Final = 4096
"""The balloon's unit in bytes. Spec: virtio 1.2, 5.5."""


def _never(_: Event) -> bool:
    return False


class StateQuery(NamedTuple):
    """A query that shows a command's effect.

    Attributes:
        command: The query.
        arguments: Its arguments.
        shows: Tests an answer for the effect; it may raise any error for an odd answer.
    """

    command: str
    arguments: JsonObject | None
    shows: Callable[[Any], bool]

    def is_reached(self, answer: JsonValue) -> bool:
        """Return whether an answer shows the effect; an answer of another form doesn't."""
        try:
            return bool(self.shows(answer))
        except UNREADABLE:
            return False


class CompletionRule(NamedTuple):
    """The signs that a command has had its effect, or won't have it.

    Attributes:
        event: The name of the completing event; "" if only the query shows the effect.
        completes: Tests an event of that name.
        failing: Tests of the events that show a failure, by their names.
        needs_guest: A guest must act before the event comes. A reset, or the machine's end, shows
            that it won't.
        query: Shows the effect when no event comes; None if there is no such query.
        interval: Seconds between two queries if there is no event.
    """

    event: str
    completes: Test = _never
    failing: Mapping[str, Test] = {}
    needs_guest: bool = False
    query: StateQuery | None = None
    interval: float = 0.0

    def ends(self, event: Event) -> bool:
        """Return whether an event ends the wait, in whatever way."""
        return self.is_completed_by(event) or self.is_failed_by(event) or self.is_lost_by(event)

    def is_completed_by(self, event: Event) -> bool:
        """Return whether this is the completing event."""
        return event.name == self.event and self.completes(event)

    def is_failed_by(self, event: Event) -> bool:
        """Return whether an event shows that the command has failed."""
        test = self.failing.get(event.name)
        return test is not None and test(event)

    def is_lost_by(self, event: Event) -> bool:
        """Return whether the guest, which should have acted, was reset or ended."""
        return self.needs_guest and event.name in _GUEST_GONE

    @property
    def awaited(self) -> str:
        """A name for what shows the effect, for errors."""
        if self.event:
            return f"event {self.event}"
        assert self.query is not None
        return f"its end, by {self.query.command},"

    def failure(self, command: str, event: Event) -> CompletionError:
        """Return the error for an event that isn't the completing one."""
        if self.is_failed_by(event):
            reason = text_of(event.data.get("error")) or text_of(event.data.get("msg"))
        else:
            reason = "the guest was reset, or ended, before it had acted"
        return CompletionError(command, event.name, event.data, reason)

    def late(self, command: str, seconds: float | None) -> TimeoutError:
        """Return the error for a deadline that passed after the reply."""
        guest = "; the guest must act, and may not" if self.needs_guest else ""
        return TimeoutError(
            f"{self.awaited} of {command} didn't come in {seconds:.4g} s; "
            f"the server had accepted the command{guest}"
        )

    def cut_off(self, command: str, error: ConnectionClosed) -> CommandInterrupted:
        """Return the error for a connection that ended after the reply."""
        reason = f"{error.reason}; it was accepted, but {self.awaited} hadn't come"
        return CommandInterrupted(command, None, reason)


# Tests of events


def _has(**members: JsonValue) -> Test:
    """Return a test for members of an event's data; an old server may leave them out."""
    return lambda event: all(
        event.data.get(name, value) == value for name, value in members.items()
    )


def _of_device(device: JsonValue) -> Test:
    """Return a test for an event of a device, given its id or its QOM path."""
    path = device if isinstance(device, str) and device.startswith("/") else None
    name = _id_in(path) if path else device
    return lambda event: (
        (name is not None and event.data.get("device") == name)
        or (path is not None and event.data.get("path") == path)
    )


def _id_in(path: str) -> str | None:
    """Return the id of the device at a QOM path; None for a device without one."""
    before, _, last = path.rpartition("/")
    return last if before == "/machine/peripheral" else None


def _is_refusal(device: JsonValue) -> Test:
    def refuses(event: Event) -> bool:
        info = event.data.get("info")
        return (
            isinstance(info, dict)
            and info.get("device") == device
            and info.get("source") in _EJECTIONS
            and info.get("status") in _REFUSALS
        )

    return refuses


# Rules, each made of the command's arguments


def _device_del(arguments: JsonObject) -> CompletionRule:
    is_this = _of_device(arguments.get("id"))
    return CompletionRule(
        "DEVICE_DELETED",
        is_this,
        {
            "DEVICE_UNPLUG_GUEST_ERROR": is_this,
            "MEM_UNPLUG_ERROR": is_this,  # before 6.2
            "ACPI_DEVICE_OST": _is_refusal(arguments.get("id")),
        },
        needs_guest=True,
    )


def _run_state(event: str, is_running: bool) -> Callable[[JsonObject], CompletionRule]:
    query = StateQuery("query-status", None, lambda status: status["running"] is is_running)
    return lambda _: CompletionRule(event, _any, query=query)


def _any(_: Event) -> bool:
    return True


def _tray(is_open: bool) -> Callable[[JsonObject], CompletionRule]:
    def rule(arguments: JsonObject) -> CompletionRule:
        drive, device = arguments.get("device"), arguments.get("id")
        name = device
        if isinstance(device, str) and device.startswith("/"):
            name = _id_in(device) or device

        def completes(event: Event) -> bool:
            data = event.data
            is_this = data.get("id") == name if device is not None else data.get("device") == drive
            return is_this and data.get("tray-open") is is_open

        def shows(blocks: Any) -> bool:
            return any(
                block.get("tray_open", is_open) is is_open  # a floppy drive has no tray
                and (block.get("qdev") == name if device is not None else block["device"] == drive)
                for block in blocks
            )

        query = StateQuery("query-block", None, shows)
        return CompletionRule("DEVICE_TRAY_MOVED", completes, needs_guest=is_open, query=query)

    return rule


def _system_powerdown(_: JsonObject) -> CompletionRule:
    return CompletionRule("SHUTDOWN", _has(guest=True), needs_guest=True)


def _system_reset(_: JsonObject) -> CompletionRule:
    # With -no-reboot a reset ends the machine.
    is_ours = _has(guest=False, reason="host-qmp-system-reset")
    return CompletionRule("RESET", is_ours, {"SHUTDOWN": _any})


def _system_wakeup(_: JsonObject) -> CompletionRule:
    return CompletionRule("WAKEUP", _any)


def _balloon(arguments: JsonObject) -> CompletionRule:
    value = arguments.get("value")

    def is_reached(data: JsonObject) -> bool:
        actual = data.get("actual")
        # The guest gives back whole pages.
        return isinstance(actual, int) and isinstance(value, int) and 0 <= actual - value < _PAGE

    query = StateQuery("query-balloon", None, is_reached)
    return CompletionRule(
        "BALLOON_CHANGE", lambda event: is_reached(event.data), needs_guest=True, query=query
    )


def _dump(_: JsonObject) -> CompletionRule:
    # It comes with and without "detach".
    return CompletionRule(
        "DUMP_COMPLETED",
        lambda event: not _has_failed(event),
        {"DUMP_COMPLETED": _has_failed},
    )


def _has_failed(event: Event) -> bool:
    result = event.data.get("result")
    return "error" in event.data or (isinstance(result, dict) and result.get("status") == "failed")


def _export_del(member: str) -> Callable[[JsonObject], CompletionRule]:
    def rule(arguments: JsonObject) -> CompletionRule:
        name = arguments.get(member)
        return CompletionRule("BLOCK_EXPORT_DELETED", lambda event: event.data.get("id") == name)

    return rule


def _quit(_: JsonObject) -> CompletionRule:
    return CompletionRule("SHUTDOWN", _has(guest=False, reason="host-qmp-quit"))


def _dirty_rate(arguments: JsonObject) -> CompletionRule:
    seconds = arguments.get("calc-time")
    unit = 0.001 if arguments.get("calc-time-unit") == "millisecond" else 1.0
    interval = seconds * unit if isinstance(seconds, int) else limits.PROGRESS_INTERVAL
    query = StateQuery("query-dirty-rate", None, lambda rate: rate["status"] == "measured")
    return CompletionRule("", query=query, interval=interval / 4)


COMPLETIONS: Final[Mapping[str, Callable[[JsonObject], CompletionRule]]] = {
    "balloon": _balloon,
    "block-export-del": _export_del("id"),
    "blockdev-close-tray": _tray(is_open=False),
    "blockdev-open-tray": _tray(is_open=True),
    "calc-dirty-rate": _dirty_rate,
    "cont": _run_state("RESUME", is_running=True),
    "device_del": _device_del,
    "dump-guest-memory": _dump,
    "eject": _tray(is_open=True),
    "nbd-server-remove": _export_del("name"),
    "quit": _quit,
    "stop": _run_state("STOP", is_running=False),
    "system_powerdown": _system_powerdown,
    "system_reset": _system_reset,
    "system_wakeup": _system_wakeup,
}
"""The commands with a rule, which is made of a command's arguments."""


def rule_for(
    command: str,
    arguments: JsonObject,
    events: Sequence[str],
    match: Match,
    failing: Iterable[str] | None,
) -> CompletionRule:
    """Return a command's rule with the caller's events.

    Args:
        command: The command's name.
        arguments: Its arguments.
        events: The name of the completing event; empty for the table's.
        match: The condition on this event and on the failing ones. None takes the table's if it has
            the command with this event, else accepts any.
        failing: The names of the events that show a failure. None takes the table's as well.

    Raises:
        ValueError: If no event is given and the table lacks the command, or several are given.
    """
    rule = COMPLETIONS[command](arguments) if command in COMPLETIONS else None
    if not events and rule is None:
        raise ValueError(
            f"found until=True with {command}, expected the name of an event, "
            f"or one of the commands {', '.join(COMPLETIONS)}"
        )
    if len(events) > 1:
        raise ValueError(f"found {len(events)} events as until, expected one")
    if rule is None or (events and rule.event != events[0]):
        rule = CompletionRule(events[0], _any)
    if match is not None:
        test = matcher(None, match)
        rule = rule._replace(completes=test, failing=dict.fromkeys(rule.failing, test), query=None)
    if failing is not None:
        test = _any if match is None else matcher(None, match)
        rule = rule._replace(failing={name: rule.failing.get(name, test) for name in failing})
    return rule


def _events_of_table() -> Iterator[str]:
    for rule in COMPLETIONS.values():
        made = rule({})
        yield from (made.event, *made.failing)


EVENTS: Final = frozenset(_events_of_table())
"""The events of the table. Some release of QEMU has them, so a server needn't be asked for them."""


def unknown_event(name: str, known: Collection[str]) -> ValueError:
    """Return the error for an event that the server doesn't have."""
    near = near_names(name, known, 1)
    hint = f" (is it {near[0]}?)" if near else ""
    return ValueError(f"found {name!r}, expected an event of this server{hint}")
