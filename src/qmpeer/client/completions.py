"""The table of completions: the rule of each command whose effect comes after its reply.

Jobs and migration have `AsyncClient.run_job` and `AsyncClient.migrate`; here are only the commands
that end a job. [Left out: commands whose effect is there when they are answered, as after
blockdev-change-medium; migrate_cancel, because MIGRATION must be enabled first; replay, COLO, Xen,
s390's set-cpu-topology.]

Spec: QEMU, the reference of each command and event.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from qmpeer import limits
from qmpeer.client.answers import text_of
from qmpeer.client.completion_rules import CompletionRule, StateQuery, Test, any_event, no_event
from qmpeer.client.events import Match, matcher
from qmpeer.client.server_names import PERIPHERALS
from qmpeer.messages import Event, near_names
from qmpeer.values import JsonObject, JsonValue

_REFUSALS: Final = (1, 2, 0x80, 0x81, 0x82, 0x83)
"""Status codes of a guest that doesn't eject a device. ACPI 6.5, table 6.20 (_OST)."""
_EJECTIONS: Final = (3, 0x103)
"""Sources of such a status: a request of the machine, or of the guest's administrator."""
_PAGE: Final = 4096
"""The balloon's unit in bytes. Spec: virtio 1.2, 5.5."""


# Tests of events


def _has(**members: JsonValue) -> Test:
    """Return a test for members of an event's data; an old server may leave them out."""
    return lambda event: all(
        event.data.get(name, value) == value for name, value in members.items()
    )


def _of_device(device: JsonValue) -> Test:
    """Return a test for an event of a device, given its id or its QOM path."""
    name, path = _named(device), _path(device)
    return lambda event: (
        (name is not None and event.data.get("device") == name)
        or (path is not None and event.data.get("path") == path)
    )


def _path(device: JsonValue) -> str | None:
    """Return an absolute QOM path as QEMU writes it; None if it is none."""
    if not isinstance(device, str) or not device.startswith("/"):
        return None
    return "/" + "/".join(filter(None, device.split("/")))


def path_of(device: JsonValue) -> str:
    """Return the QOM path of a device, given its id or its QOM path."""
    return _path(device) or f"{PERIPHERALS[0]}/{device}"


def _named(device: JsonValue) -> JsonValue:
    """Return a device's id, given its id or its QOM path; None for a device without one."""
    path = _path(device)
    if path is None:
        return device
    before, _, last = path.rpartition("/")
    return last if before == PERIPHERALS[0] else None


def _is_refusal(device: JsonValue) -> Test:
    name = _named(device)

    def refuses(event: Event) -> bool:
        ejection = _ejection(event)
        return (
            name is not None
            and ejection.get("device") == name
            and ejection.get("status") in _REFUSALS
        )

    return refuses


def _ejection(event: Event) -> JsonObject:
    """Return the guest's status of an ejection; empty for another status."""
    info = event.data.get("info")
    return info if isinstance(info, dict) and info.get("source") in _EJECTIONS else {}


# Rules, each made of the command's arguments


def unplug_rule(device: str) -> CompletionRule:
    """Return the rule of device_del, with a further reason to look: the guest ejected something."""
    rule = _device_del({"id": device})

    def stands_for(event: Event) -> bool:
        has_ejected = event.name == "ACPI_DEVICE_OST" and _ejection(event).get("status") == 0
        return has_ejected or rule.stands_for(event)

    return rule._replace(stands_for=stands_for)


def _device_del(arguments: JsonObject) -> CompletionRule:
    device = arguments.get("id")
    is_this = _of_device(device)
    path = path_of(device)
    parent, _, last = path.rpartition("/")
    # QEMU 7.2 to 10.0 send no event of a processor, only one of a part of it.
    parts = f"{path}/"

    def is_of_part(event: Event) -> bool:
        return event.name == "DEVICE_DELETED" and text_of(event.data.get("path")).startswith(parts)

    def is_gone(found: Any) -> bool:
        return isinstance(found, list) and all(each["name"] != last for each in found)

    return CompletionRule(
        "DEVICE_DELETED",
        is_this,
        {
            "DEVICE_UNPLUG_GUEST_ERROR": is_this,
            "MEM_UNPLUG_ERROR": is_this,  # before 6.2
            "ACPI_DEVICE_OST": _is_refusal(device),
        },
        needs_guest=True,
        stands_for=is_of_part,
        confirms=StateQuery("qom-list", {"path": parent}, is_gone),
    )


def _run_state(event: str, is_running: bool) -> Callable[[JsonObject], CompletionRule]:
    query = StateQuery("query-status", None, lambda status: status["running"] is is_running)
    rule = CompletionRule(event, any_event, query=query)
    return lambda _: rule


def _tray(is_open: bool) -> Callable[[JsonObject], CompletionRule]:
    def rule(arguments: JsonObject) -> CompletionRule:
        drive, device = arguments.get("device"), arguments.get("id")
        name = _named(device) or _path(device)

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
    return CompletionRule("RESET", is_ours, {"SHUTDOWN": any_event})


def _system_wakeup(_: JsonObject) -> CompletionRule:
    return CompletionRule("WAKEUP", any_event)


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


def _job_end(member: str, *, may_fail: bool) -> Callable[[JsonObject], CompletionRule]:
    def rule(arguments: JsonObject) -> CompletionRule:
        job = arguments.get(member)
        failing: dict[str, Test] = {}
        if may_fail:
            failing["BLOCK_JOB_CANCELLED"] = lambda event: event.data.get("device") == job
            failing["BLOCK_JOB_COMPLETED"] = lambda event: (
                event.data.get("device") == job and "error" in event.data
            )
        return CompletionRule(
            "JOB_STATUS_CHANGE",
            lambda event: event.data.get("id") == job and event.data.get("status") == "concluded",
            failing,
        )

    return rule


def _qom_set(arguments: JsonObject) -> CompletionRule | None:
    """Return the rule for the size of a virtio-mem device; other properties are set at once."""
    if arguments.get("property") != "requested-size":
        return None
    device, size = arguments.get("path"), arguments.get("value")
    name, path = _named(device), _path(device)

    def completes(event: Event) -> bool:
        data = event.data
        # Releases before 6.2 send no path.
        is_this = data["qom-path"] == path if "qom-path" in data else data.get("id") == name
        return is_this and data.get("size") == size

    query = StateQuery("qom-get", {"path": device, "property": "size"}, lambda found: found == size)
    return CompletionRule("MEMORY_DEVICE_SIZE_CHANGE", completes, needs_guest=True, query=query)


def _quit(_: JsonObject) -> CompletionRule:
    # The storage daemon sends no event.
    is_ours = _has(guest=False, reason="host-qmp-quit")
    return CompletionRule("SHUTDOWN", is_ours, ends_connection=True)


def _dirty_rate(arguments: JsonObject) -> CompletionRule:
    seconds = arguments.get("calc-time")
    unit = 0.001 if arguments.get("calc-time-unit") == "millisecond" else 1.0
    interval = seconds * unit / 4 if isinstance(seconds, int) else limits.PROGRESS_INTERVAL
    query = StateQuery("query-dirty-rate", None, lambda rate: rate["status"] == "measured")
    return CompletionRule("", query=query, interval=max(interval, limits.PROGRESS_INTERVAL_LEAST))


COMPLETIONS: Final[Mapping[str, Callable[[JsonObject], CompletionRule | None]]] = {
    "balloon": _balloon,
    "block-export-del": _export_del("id"),
    "block-job-cancel": _job_end("device", may_fail=False),
    "block-job-complete": _job_end("device", may_fail=True),
    "block-job-finalize": _job_end("id", may_fail=True),
    "blockdev-close-tray": _tray(is_open=False),
    "blockdev-open-tray": _tray(is_open=True),
    "calc-dirty-rate": _dirty_rate,
    "cont": _run_state("RESUME", is_running=True),
    "device_del": _device_del,
    "dump-guest-memory": _dump,
    "eject": _tray(is_open=True),
    "job-cancel": _job_end("id", may_fail=False),
    "job-complete": _job_end("id", may_fail=True),
    "job-finalize": _job_end("id", may_fail=True),
    "nbd-server-remove": _export_del("name"),
    "qom-set": _qom_set,
    "quit": _quit,
    "stop": _run_state("STOP", is_running=False),
    "system_powerdown": _system_powerdown,
    "system_reset": _system_reset,
    "system_wakeup": _system_wakeup,
}
"""The commands with a rule, which is made of a command's arguments; None if these need none."""


def rule_for(
    command: str,
    arguments: JsonObject,
    event: str | None,
    match: Match,
    failing: Iterable[str] | None,
) -> CompletionRule:
    """Return a command's rule with the caller's events.

    Args:
        command: The command's name.
        arguments: Its arguments.
        event: The name of the completing event; None for the table's.
        match: The condition on this event, and on the failing ones of the caller. None takes the
            table's if it has the command with this event, else accepts any.
        failing: The names of the events that show a failure. None takes the table's if it has the
            command with this event.

    Raises:
        ValueError: If no event is given and the table lacks the command, or knows no event of it.
        TypeError: If the condition is none.
    """
    made = COMPLETIONS.get(command)
    rule = None if made is None else made(arguments)
    if event is None:
        if rule is None:
            raise _unknown_command(command)
    elif rule is None or rule.event != event:
        rule = CompletionRule(event, any_event)
    test = None if match is None else matcher(None, match)
    if test is not None:
        if not rule.event:
            raise ValueError(f"found match with until=True, expected none: {command} has no event")
        rule = rule._replace(completes=test, stands_for=no_event, query=None)
    if failing is not None:
        tests = {name: test or rule.failing.get(name, any_event) for name in failing}
        rule = rule._replace(failing=tests)
    return rule


def _unknown_command(command: str) -> ValueError:
    known = ", ".join(COMPLETIONS)
    only = " with this property" if command in COMPLETIONS else ""
    return ValueError(
        f"found until=True with {command}{only}, expected the name of an event, "
        f"or one of the commands {known}"
    )


_SAMPLE: Final[JsonObject] = {"property": "requested-size"}
"""Arguments with which every command of the table has a rule."""


def _events_of_table() -> Iterator[str]:
    for make in COMPLETIONS.values():
        rule = make(_SAMPLE)
        assert rule is not None
        yield from (rule.event, *rule.failing)


EVENTS: Final = frozenset(_events_of_table())
"""The events of the table. Some release of QEMU has them, so a server needn't be asked for them."""


def unknown_event(name: str, known: Collection[str]) -> ValueError:
    """Return the error for an event that the server doesn't have."""
    near = near_names(name.upper(), known, 1)
    hint = f" (is it {near[0]}?)" if near else ""
    return ValueError(f"found {name!r}, expected an event of this server{hint}")
