"""Commands until the event that completes them: order, failures, deadlines, lost connections.

Modules: aio.completion_run, blocking.completion_run.
"""

import os
import time
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest

from qmpeer import (
    CommandError,
    CommandInterrupted,
    CompletionError,
    ConnectionClosed,
    Event,
    limits,
)
from qmpeer.bindings import Command
from qmpeer.errors import LimitError, ValidationError
from qmpeer.schema import schema_from_introspection
from tests.client.faces import AsyncVm, Face, Vm, background
from tests.client.hourglass import Hourglass
from tests.client.scripted import ScriptedServer, connected
from tests.client.test_reconnecting import connected as reconnecting
from tests.patience import PATIENCE

DISK: dict[str, Any] = {"id": "disk1"}
THIS = {"device": "disk1", "path": "/machine/peripheral/disk1"}
OTHER = {"device": "disk2", "path": "/machine/peripheral/disk2"}


def begin(
    vm: Vm, server: ScriptedServer, command: str = "device_del", **options: Any
) -> tuple[Future[Any], dict[str, Any]]:
    """Start a command that is waited for; return its future, and the command as it came."""
    options = {"arguments": DISK if command == "device_del" else {}, "until": True, **options}
    running = vm.start("execute", command, **{"timeout": PATIENCE, **options})
    sent = server.command()
    assert sent.get("execute", sent.get("exec-oob")) == command
    return running, sent


def begun(vm: Vm, server: ScriptedServer, *command: str, **options: Any) -> Future[Any]:
    """Start a command that is waited for, and answer it."""
    running, sent = begin(vm, server, *command, **options)
    server.reply(sent)
    return running


def nothing_is_left(vm: Vm, server: ScriptedServer) -> None:
    """Check that no wait and no subscription is left, and that the client works."""
    executing = vm.begin("after")
    server.reply(server.command())
    assert executing.result(PATIENCE) == {}
    channel = vm.client._channel
    assert channel.log._queues == ()
    assert not getattr(channel, "_waiters", [])
    assert not getattr(channel, "_sleepers", [])
    assert channel.session.commands_in_flight == 0


# The order of event and reply


def test_the_event_after_the_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event("DEVICE_DELETED", **OTHER)
        server.event("DEVICE_DELETED", **THIS)
        event = running.result(PATIENCE)
        assert isinstance(event, Event)
        assert (event.name, event.data, event.number) == ("DEVICE_DELETED", THIS, 2)
        nothing_is_left(vm, server)


def test_the_event_before_the_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.event("DEVICE_DELETED", **THIS)
        with pytest.raises(TimeoutError):
            running.result(0.05)
        server.reply(sent)
        assert running.result(PATIENCE).data == THIS
        nothing_is_left(vm, server)


@pytest.mark.parametrize("is_first", [True, False])
def test_both_in_one_read(face: Face, is_first: bool) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        event = b'{"event": "DEVICE_DELETED", "data": {"device": "disk1", "path": "/x"}}\r\n'
        reply = b'{"return": {}, "id": %d}\r\n' % sent["id"]
        server.send(event + reply if is_first else reply + event)
        assert running.result(PATIENCE).data["device"] == "disk1"


def test_an_event_that_had_arrived_is_not_taken(face: Face) -> None:
    """Nobody has read it when the command is executed, but it is from before."""
    with connected(face) as (vm, server):
        for _ in range(3):
            server.event("DEVICE_DELETED", **THIS)
            running = begun(vm, server)
            with pytest.raises(TimeoutError):
                running.result(0.05)
            server.event("DEVICE_DELETED", **THIS)
            running.result(PATIENCE)
        assert vm.client._channel.log.last == 6


def test_an_error_reply_after_the_event(face: Face) -> None:
    """The event was somebody else's."""
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.event("DEVICE_DELETED", **THIS)
        server.fail(sent, "DeviceNotFound", "Device 'disk1' not found")
        with pytest.raises(CommandError, match="not found") as caught:
            running.result(PATIENCE)
        assert type(caught.value) is CommandError
        nothing_is_left(vm, server)


def test_without_until_nothing_waits(face: Face) -> None:
    with connected(face) as (vm, server):
        assert begun(vm, server, until=None).result(PATIENCE) == {}


# Events of a part of a device

PART = {"path": "/machine/peripheral/disk1/virtio-backend"}


def test_the_event_of_a_part_comes_first(face: Face) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.event("DEVICE_DELETED", **PART)
        server.event("DEVICE_DELETED", **THIS)
        server.reply(sent)
        assert running.result(PATIENCE).data == THIS
        assert not server.has_input()


def test_the_devices_own_event_comes_later(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event("DEVICE_DELETED", **PART)
        answer(server, "qom-list", [{"name": "disk1", "type": "child<virtio-blk-pci>"}])
        with pytest.raises(TimeoutError):
            running.result(0.05)
        server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS


def test_the_guest_refuses_after_a_part(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event("DEVICE_DELETED", **PART)
        answer(server, "qom-list", [{"name": "disk1", "type": "child<virtio-blk-pci>"}])
        server.event("DEVICE_UNPLUG_GUEST_ERROR", **THIS)
        with pytest.raises(CompletionError):
            running.result(PATIENCE)


def test_only_a_part_has_an_event(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor is gone with the event of its interrupt controller."""
    monkeypatch.setattr(limits, "RESET_GRACE", 0.05)
    lapic = {"path": "/machine/peripheral/cpu1/lapic"}
    with connected(face) as (vm, server):
        running = begun(vm, server, arguments={"id": "cpu1"})
        server.event("DEVICE_DELETED", **lapic)
        answer(server, "qom-list", [{"name": "type", "type": "string"}])
        assert running.result(PATIENCE).data == lapic
        nothing_is_left(vm, server)


def test_a_part_whose_devices_event_is_on_its_way(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It mustn't be left for the next command to find."""
    monkeypatch.setattr(limits, "RESET_GRACE", PATIENCE)
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event("DEVICE_DELETED", **PART)
        answer(server, "qom-list", [])
        with pytest.raises(TimeoutError):
            running.result(0.05)
        server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS


# Failures


@pytest.mark.parametrize("is_first", [True, False])
def test_a_failing_event(face: Face, is_first: bool) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.event("DEVICE_UNPLUG_GUEST_ERROR", **OTHER)
        if is_first:
            server.event("DEVICE_UNPLUG_GUEST_ERROR", **THIS)
        server.reply(sent)
        if not is_first:
            server.event("DEVICE_UNPLUG_GUEST_ERROR", **THIS)
        with pytest.raises(CompletionError) as caught:
            running.result(PATIENCE)
        error = caught.value
        assert (error.command, error.event, error.data, error.reason) == (
            "device_del",
            "DEVICE_UNPLUG_GUEST_ERROR",
            THIS,
            "",
        )
        nothing_is_left(vm, server)


def test_the_reason_of_a_failed_dump(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "dump-guest-memory", arguments={"detach": True})
        failed = {"total": 9, "status": "failed", "completed": 0}
        server.event("DUMP_COMPLETED", result=failed, error="dump: failed to save memory")
        with pytest.raises(CompletionError, match="dump: failed to save memory") as caught:
            running.result(PATIENCE)
        assert caught.value.reason == "dump: failed to save memory"


@pytest.mark.parametrize("name", ["RESET", "SHUTDOWN"])
def test_the_guest_is_gone(face: Face, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESET_GRACE", 0.05)
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event(name, guest=True, reason="guest-reset")
        with pytest.raises(CompletionError, match="the guest was reset, or ended") as caught:
            running.result(PATIENCE)
        assert caught.value.event == name
        nothing_is_left(vm, server)


def test_a_reset_that_completes_it(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESET_GRACE", PATIENCE)
    with connected(face) as (vm, server):
        running = begun(vm, server)
        server.event("RESET", guest=True, reason="guest-reset")
        server.event("DEVICE_DELETED", **OTHER)
        with pytest.raises(TimeoutError):
            running.result(0.05)
        server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS


def test_a_reset_after_it(face: Face) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.event("DEVICE_DELETED", **THIS)
        server.event("RESET", guest=True, reason="guest-reset")
        server.reply(sent)
        assert running.result(PATIENCE).data == THIS


def test_a_reset_within_the_deadlines_last_moment(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, timeout=0.1)
        server.event("RESET", guest=True)
        hourglass.let_go()
        server.reply(sent)
        with pytest.raises(CompletionError):
            running.result(PATIENCE)


def test_a_reset_does_not_concern_a_command_without_a_guest(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "block-export-del", arguments={"id": "e"})
        server.event("RESET", guest=True)
        server.event("BLOCK_EXPORT_DELETED", id="e")
        assert running.result(PATIENCE).name == "BLOCK_EXPORT_DELETED"


def test_no_reboot(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "system_reset")
        server.event("SHUTDOWN", guest=False, reason="host-qmp-system-reset")
        server.close()
        with pytest.raises(CompletionError, match="the machine ended: SHUTDOWN"):
            running.result(PATIENCE)


# The end of the connection


def test_the_connection_ends_before_the_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        running, _ = begin(vm, server)
        server.event("DEVICE_DELETED", **THIS)
        server.close()
        with pytest.raises(CommandInterrupted, match="device_del was cut off") as caught:
            running.result(PATIENCE)
        assert "it was accepted" not in str(caught.value)


@pytest.mark.parametrize("command", ["device_del", "calc-dirty-rate"])
def test_the_connection_ends_after_the_reply(face: Face, command: str) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, command)
        if command == "calc-dirty-rate":
            server.command()  # the query is cut off, too, but isn't the caller's
        server.close()
        with pytest.raises(CommandInterrupted) as caught:
            running.result(PATIENCE)
        assert caught.value.command == command
        assert "it was accepted, but" in str(caught.value)


def test_the_event_comes_before_the_end(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "stop")
        server.command()  # query-status
        server.event("STOP")
        server.close()
        assert running.result(PATIENCE).name == "STOP"


def test_after_the_end(face: Face) -> None:
    with connected(face) as (vm, server):
        server.close()
        with pytest.raises(ConnectionClosed):
            while True:  # until the end is noticed
                try:
                    vm.execute("stop", until=True, timeout=PATIENCE)
                except CommandInterrupted:
                    pass


@pytest.mark.parametrize("answer", ["reply and event", "reply", "nothing"])
def test_quit_ends_the_connection(face: Face, answer: str) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, "quit")
        if answer != "nothing":
            server.reply(sent)
        if answer == "reply and event":
            server.event("SHUTDOWN", guest=False, reason="host-qmp-quit")
        server.close()
        event = running.result(PATIENCE)
        assert (event and event.name) == ("SHUTDOWN" if answer == "reply and event" else None)


def test_quit_without_the_event_that_was_named(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "quit", until="SHUTDOWN")
        server.close()
        with pytest.raises(CommandInterrupted, match="event SHUTDOWN hadn't come"):
            running.result(PATIENCE)


def test_the_event_cannot_come_on_a_later_connection(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path) as (vm, servers, server):
        running = begun(vm, server)
        server.close()
        with pytest.raises(CommandInterrupted, match="it was accepted, but event DEVICE_DELETED"):
            running.result(PATIENCE)
        until_sent = background(vm.execute, "device_del", DISK, until=True, timeout=PATIENCE)
        second = servers.greet()
        second.reply(second.command())
        second.event("DEVICE_DELETED", **THIS)
        assert until_sent.result(PATIENCE).data == THIS


def test_a_loss_before_the_command_is_sent(face: Face, tmp_path: Path) -> None:
    """It is sent on the next connection, like any command."""
    with reconnecting(face, tmp_path) as (vm, servers, server):
        server.close()
        running = vm.start("execute", "device_del", DISK, until=True, timeout=PATIENCE)
        second = servers.greet()
        second.event("DEVICE_DELETED", **OTHER)
        second.reply(second.command())
        second.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS


def test_a_lost_connection_that_nobody_serves(face: Face, tmp_path: Path) -> None:
    with reconnecting(face, tmp_path, reconnect=0.2) as (vm, servers, _):
        servers.go_away()
        with pytest.raises(ConnectionClosed):
            vm.execute("device_del", DISK, until=True, timeout=PATIENCE)


# Deadlines


def test_a_deadline_before_the_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, timeout=0.05)
        server.event("DEVICE_DELETED", **THIS)
        with pytest.raises(TimeoutError, match="device_del wasn't answered"):
            running.result(PATIENCE)
        server.reply(sent)
        nothing_is_left(vm, server)


def test_a_deadline_after_the_reply(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, timeout=0.1)
        hourglass.let_go()
        server.reply(sent)
        with pytest.raises(TimeoutError) as caught:
            running.result(PATIENCE)
        assert str(caught.value) == (
            "event DEVICE_DELETED of device_del didn't come in 0.1 s; "
            "the server had accepted the command; the guest must act, and may not"
        )
        nothing_is_left(vm, server)


def test_a_deadline_of_a_query(face: Face, hourglass: Hourglass) -> None:
    with connected(face) as (vm, server):
        arguments = {"calc-time": 1}
        running, sent = begin(vm, server, "calc-dirty-rate", arguments=arguments, timeout=0.1)
        server.reply(sent)
        answer(server, "query-dirty-rate", {"status": "measuring"})
        hourglass.let_go()
        while server.has_input() or not running.done():
            try:
                running.exception(0.05)
            except TimeoutError:  # one more query
                answer(server, "query-dirty-rate", {"status": "measuring"})
        with pytest.raises(TimeoutError, match="its end, by query-dirty-rate, of calc-dirty-rate"):
            running.result(PATIENCE)


def answer(server: ScriptedServer, expected: str, value: Any) -> None:
    command = server.command()
    assert command["execute"] == expected
    server.reply(command, value)


def test_the_connections_own_deadline(face: Face, hourglass: Hourglass) -> None:
    with connected(face, command_timeout=0.1) as (vm, server):
        running = vm.start("execute", "device_del", DISK, until=True)
        sent = server.command()
        hourglass.let_go()
        server.reply(sent)
        with pytest.raises(TimeoutError, match=r"didn't come in 0\.1 s"):
            running.result(PATIENCE)


# States that were there before


def test_a_machine_that_was_stopped_before(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "stop")
        answer(server, "query-status", {"running": False, "status": "paused"})
        assert running.result(PATIENCE) is None
        nothing_is_left(vm, server)


def test_the_event_comes_before_the_querys_answer(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "stop")
        query = server.command()
        server.event("STOP")
        server.reply(query, {"running": False, "status": "paused"})
        assert running.result(PATIENCE).name == "STOP"


@pytest.mark.parametrize(
    "odd", [None, [], "x", {"running": True}, {"status": "paused"}, "error"], ids=repr
)
def test_a_query_that_does_not_show_it(face: Face, odd: Any) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "stop")
        query = server.command()
        if odd == "error":
            server.fail(query, "CommandNotFound", "The command has not been found")
        else:
            server.say({"return": odd, "id": query["id"]})
        with pytest.raises(TimeoutError):
            running.result(0.05)
        server.event("STOP")
        assert running.result(PATIENCE).name == "STOP"
        assert not server.has_input()


def test_nothing_is_asked_if_the_event_is_there(face: Face) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, "stop")
        server.event("STOP")
        server.reply(sent)
        assert running.result(PATIENCE).name == "STOP"
        assert not server.has_input()


def test_who_names_the_event_gets_it(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "stop", until="STOP")
        with pytest.raises(TimeoutError):
            running.result(0.05)
        assert not server.has_input()
        server.event("STOP")
        assert running.result(PATIENCE).name == "STOP"


def test_a_tray_without_a_tray(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "eject", arguments={"device": "floppy0", "force": True})
        answer(server, "query-block", [{"device": "floppy0", "locked": False, "removable": True}])
        assert running.result(PATIENCE) is None


def test_a_query_is_repeated_where_there_is_no_event(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, "calc-dirty-rate", arguments={"calc-time": 0})
        for status in ("unstarted", "measuring", "measured"):
            server.event("RESET", guest=True)
            answer(server, "query-dirty-rate", {"status": status})
        assert running.result(PATIENCE) is None


# Conditions


@pytest.mark.parametrize(
    "match", [{"id": "b"}, lambda event: event.data["id"] == "b"], ids=["data", "function"]
)
def test_a_match_of_the_caller(face: Face, match: Any) -> None:
    with connected(face) as (vm, server):
        known(vm, "DONE", "FAILED")
        options = {"until": "DONE", "match": match, "failing": "FAILED"}
        running = begun(vm, server, "x", **options)
        for name in ("DONE", "FAILED"):
            server.event(name, id="a")
        server.event("DONE", id="b")
        assert running.result(PATIENCE).data == {"id": "b"}
        running = begun(vm, server, "x", **options)
        server.event("FAILED", id="b")
        with pytest.raises(CompletionError, match="FAILED"):
            running.result(PATIENCE)


def known(vm: Vm, *names: str) -> None:
    """Let the client know that the server has these events, so that it doesn't ask."""
    vm.client._checked_events.update(names)


def test_an_empty_match_takes_any(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, match={})
        server.event("DEVICE_DELETED", **OTHER)
        assert running.result(PATIENCE).data == OTHER


def test_the_tables_event_by_name(face: Face) -> None:
    with connected(face) as (vm, server):
        running = begun(vm, server, until="DEVICE_DELETED")
        server.event("DEVICE_DELETED", **OTHER)
        server.event("DEVICE_UNPLUG_GUEST_ERROR", **THIS)
        with pytest.raises(CompletionError):
            running.result(PATIENCE)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_match_that_raises(face: Face, is_first: bool) -> None:
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, match=lambda event: event.data["nothing"])
        if is_first:
            server.event("DEVICE_DELETED", **THIS)
        server.reply(sent)
        if not is_first:
            server.event("DEVICE_DELETED", **THIS)
        with pytest.raises(KeyError, match="nothing"):
            running.result(PATIENCE)
        nothing_is_left(vm, server)


def test_a_match_is_asked_once_for_each_event(face: Face) -> None:
    asked: list[int] = []

    def match(event: Event) -> bool:
        asked.append(event.number)
        return asked.count(3) == 1

    with connected(face) as (vm, server):
        running = begun(vm, server, match=match)
        for _ in range(3):
            server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).number == 3
        assert asked == [1, 2, 3]


def test_a_flood_of_other_events(face: Face) -> None:
    """Before the reply nothing searches: what isn't kept any more may have been the one."""
    flood = b'{"event": "RTC_CHANGE", "data": {"offset": 1}}\r\n' * (limits.EVENTS_KEPT + 100)
    with connected(face) as (vm, server):
        running, sent = begin(vm, server)
        server.send(flood)
        server.reply(sent)
        with pytest.raises(LimitError, match="events after the mark are no longer kept"):
            running.result(PATIENCE)
        nothing_is_left(vm, server)
        running = begun(vm, server, until="DEVICE_DELETED")
        server.event("DEVICE_DELETED", **OTHER)
        # A quarter at a time, which only the waiting thread or loop reads: it keeps up.
        quarter = limits.EVENTS_KEPT // 4
        log = vm.client._channel.log
        for _ in range(6):
            last = log.last + quarter
            server.send(flood[: quarter * flood.index(b"\n") + quarter])
            end = time.monotonic() + PATIENCE
            while log.last < last:
                assert time.monotonic() < end
        server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS


# Several at once, and interrupted waits


def test_two_at_once(face: Face) -> None:
    with connected(face) as (vm, server):
        running = {}
        for id in ("disk1", "disk2"):
            running[id] = begun(vm, server, arguments={"id": id})
        server.event("DEVICE_DELETED", **OTHER)
        assert running["disk2"].result(PATIENCE).data == OTHER
        assert not running["disk1"].done()
        server.event("DEVICE_DELETED", **THIS)
        assert running["disk1"].result(PATIENCE).data == THIS
        nothing_is_left(vm, server)


def interrupt(_: Event) -> bool:
    raise KeyboardInterrupt


def test_an_interrupted_wait_leaves_nothing(face: Face) -> None:
    """By Ctrl-C in a thread, or by cancelling a task."""
    with connected(face) as (vm, server):
        running = begun(vm, server, match=interrupt)
        if isinstance(vm, AsyncVm):
            running.cancel()
        else:
            server.event("DEVICE_DELETED", **THIS)
        with pytest.raises((CancelledError, KeyboardInterrupt)):
            running.result(PATIENCE)
        nothing_is_left(vm, server)


# Out of band, descriptors, strict clients


def test_out_of_band(face: Face) -> None:
    """Events aren't checked: the query would wait behind a command that hangs."""
    with connected(face) as (vm, server):
        running, sent = begin(vm, server, "x", until="DONE", oob=True)
        assert "exec-oob" in sent
        server.reply(sent)
        server.event("DONE")
        assert running.result(PATIENCE).name == "DONE"


def test_descriptors(face: Face) -> None:
    with connected(face) as (vm, server):
        known(vm, "DONE")
        fd = os.memfd_create("x")
        running = vm.start("execute", "add-fd", fds=[fd], until="DONE", timeout=PATIENCE)
        sent, fds = server.command_with_fds()
        os.close(fd)
        assert len(fds) == 1
        os.close(fds[0])
        server.event("DONE")
        server.reply(sent)
        assert running.result(PATIENCE).name == "DONE"


def test_a_strict_client_whose_schema_lacks_the_queries(face: Face) -> None:
    stop: dict[str, Any] = {
        "name": "stop",
        "meta-type": "command",
        "arg-type": "0",
        "ret-type": "0",
    }
    empty: dict[str, Any] = {"name": "0", "meta-type": "object", "members": []}
    with connected(face, strict=schema_from_introspection([stop, empty])) as (vm, server):
        with pytest.raises(ValidationError, match="device_del"):
            vm.execute("device_del", DISK, until=True, timeout=PATIENCE)
        running = begun(vm, server, "stop")
        answer(server, "query-status", {"running": False, "status": "paused"})
        assert running.result(PATIENCE) is None
        running = begun(vm, server, "stop", until="STOPPED")
        server.event("STOPPED")
        assert running.result(PATIENCE).name == "STOPPED"


# What was given wrongly


def test_an_event_that_the_server_lacks(face: Face) -> None:
    schema = [{"name": name, "meta-type": "event"} for name in ("DONE", "FAILED")]
    with connected(face) as (vm, server):
        for until, failing in (("DOEN", None), ("DONE", "FAIELD")):
            running = vm.start("execute", "x", until=until, failing=failing, timeout=PATIENCE)
            answer(server, "query-qmp-schema", schema)
            with pytest.raises(ValueError, match="expected an event of this server"):
                running.result(PATIENCE)
        running = vm.start("execute", "x", until="DONE", failing="FAILED", timeout=PATIENCE)
        answer(server, "query-qmp-schema", schema)
        server.reply(server.command())
        server.event("DONE")
        running.result(PATIENCE)
        # What was asked for once isn't asked for again.
        running = begun(vm, server, "x", until="FAILED", failing="DONE")
        server.event("FAILED")
        running.result(PATIENCE)


def test_a_server_without_a_schema(face: Face) -> None:
    with connected(face) as (vm, server):
        running = vm.start("execute", "x", until="DONE", timeout=PATIENCE)
        server.fail(server.command(), "CommandNotFound", "no query-qmp-schema")
        server.reply(server.command())
        server.event("DONE")
        running.result(PATIENCE)
        running = begun(vm, server, "x", until="DONE")
        server.event("DONE")
        running.result(PATIENCE)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"until": False}, "found False as until, expected the name or the type of one event"),
        ({"until": 1}, "found 1 as until"),
        ({"until": ""}, "found '' as until"),
        ({"until": ["STOP"]}, "found ['STOP'] as until"),
        ({"until": ("STOP", "RESUME")}, "found ('STOP', 'RESUME') as until"),
        ({"until": {}}, "found {} as until"),
        ({"until": True, "match": 5}, "found 5 as match, expected members"),
        ({"until": True, "match": "disk1"}, "found 'disk1' as match"),
        ({"until": True, "failing": True}, "found True as failing, expected names or types"),
        ({"until": True, "failing": 5}, "found 5 as failing"),
        ({"until": True, "failing": [5]}, "found [5] as failing"),
        ({"until": True, "failing": [""]}, "found [''] as failing"),
        ({"match": {}}, "found match or failing, expected until with them"),
        ({"failing": "STOP"}, "found match or failing, expected until with them"),
    ],
    ids=repr,
)
def test_what_is_no_event(face: Face, options: Any, expected: str) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(TypeError) as caught:
            vm.execute("device_del", DISK, **{"timeout": PATIENCE, **options})
        assert expected in str(caught.value)
        assert not server.has_input()


def test_a_command_without_a_documented_event(face: Face) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(ValueError, match="found until=True with query-status, expected the"):
            vm.execute("query-status", until=True, timeout=PATIENCE)
        assert not server.has_input()


def test_a_command_of_a_binding(face: Face) -> None:
    with connected(face) as (vm, server):
        command = Command("device_del", DISK, lambda value: value)
        running = vm.start("execute", command, until=True, timeout=PATIENCE)
        sent = server.command()
        assert sent["arguments"] == DISK
        server.reply(sent)
        server.event("DEVICE_DELETED", **THIS)
        assert running.result(PATIENCE).data == THIS
