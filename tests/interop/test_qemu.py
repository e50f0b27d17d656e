"""Both clients against a real QEMU."""

import contextlib
import errno
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError, CommandInterrupted, ConnectionClosed, NegotiationError
from tests.client.faces import Face, Vm, background
from tests.client.scripted import open_fds
from tests.interop.conftest import Server, StartProgram
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real


def monitor_options(path: Path) -> tuple[str, ...]:
    return (
        *("--chardev", f"socket,id=m,path={path},server=on,wait=off"),
        *("--monitor", "chardev=m"),
    )


class Blocked:
    """A command that runs until it is released: it opens a FIFO, and we hold the other end.

    Once the object is made, the server executes the command.
    """

    def __init__(self, vm: Vm, fifo: Path, node: str = "blocked") -> None:
        os.mkfifo(fifo)
        arguments = {
            "driver": "blkdebug",
            "node-name": node,
            "config": str(fifo),
            "image": {"driver": "null-co", "read-zeroes": True},
        }
        self.executing = vm.begin("blockdev-add", arguments)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._end = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                return
            except OSError as error:
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise
                os.sched_yield()  # the server hasn't opened it yet

    def release(self) -> None:
        os.close(self._end)


def overtake(vm: Vm) -> None:
    """Execute a command out of band; the storage daemon has none that allow it."""
    with contextlib.suppress(CommandError):
        vm.execute("query-yank", oob=True, timeout=PATIENCE)


def test_commands_and_errors(face: Face, qemu: Server) -> None:
    with face.connect(qemu.path) as vm:
        assert vm.greeting is not None
        assert vm.greeting.version is not None
        version = vm.execute("query-version")["qemu"]
        assert vm.greeting.version.qemu.major == version["major"]
        assert vm.capabilities == ("oob",)
        assert vm.execute("query-status")["running"] is True
        with pytest.raises(CommandError, match="has not been found") as caught:
            vm.execute("bogus")
        assert (caught.value.error_class, caught.value.command) == ("CommandNotFound", "bogus")
        with pytest.raises(CommandError, match="Parameter 'fdname' is missing"):
            vm.execute("getfd")
        assert len(vm.execute("query-qmp-schema")) > 1000


def test_events(face: Face, qemu: Server) -> None:
    with face.connect(qemu.path) as vm:
        events = vm.events("STOP", "RESUME")
        mark = vm.event_mark()
        for _ in range(20):
            vm.execute("stop")
            vm.execute("cont")
        assert vm.wait_event("RESUME", since=mark, timeout=PATIENCE).number > mark
        names = [events.next().name for _ in range(40)]
        assert names == ["STOP", "RESUME"] * 20


def test_out_of_band_overtakes_a_blocked_command(face: Face, qemu: Server, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    with face.connect(qemu.path, max_in_flight=8) as vm:
        blocked = Blocked(vm, fifo)
        behind = [vm.begin("query-name") for _ in range(20)]
        for _ in range(10):
            with pytest.raises(CommandError, match="postcopy"):
                vm.execute("migrate-pause", oob=True, timeout=PATIENCE)
        assert not blocked.executing.done()
        assert not any(each.done() for each in behind)
        blocked.release()
        assert blocked.executing.result(PATIENCE) == {}
        assert [each.result(PATIENCE) for each in behind] == [{}] * 20


def test_a_late_reply_is_not_taken_for_anothers(face: Face, qemu: Server, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    with face.connect(qemu.path) as vm:
        blocked = Blocked(vm, fifo)
        with pytest.raises(TimeoutError):
            vm.execute("query-status", timeout=0.05)
        blocked.release()
        assert vm.execute("query-uuid", timeout=PATIENCE)["UUID"].count("-") == 4
        assert blocked.executing.result(PATIENCE) == {}


def test_the_monitor_is_held_by_another(face: Face, qemu: Server) -> None:
    said = "another client may hold its monitor"
    with face.connect(qemu.path), pytest.raises(TimeoutError, match=said):
        face.connect(qemu.path, timeout=0.1)


def test_the_reply_of_one_who_left_is_not_the_next_ones(
    face: Face, qemu: Server, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    for number in range(3):
        with face.connect(qemu.path) as vm:
            blocked = Blocked(vm, fifo, f"n{number}")
        with pytest.raises(CommandInterrupted):
            blocked.executing.result(PATIENCE)
        connecting = background(face.connect, qemu.path)
        blocked.release()
        with connecting.result(PATIENCE) as vm:
            assert vm.execute("query-name") == {}
        fifo.unlink()


def test_descriptors(face: Face, qemu: Server) -> None:
    read_end, write_end = os.pipe()
    os.close(write_end)
    try:
        with face.connect(qemu.path) as vm:
            with pytest.raises(CommandError, match="No file descriptor supplied via SCM_RIGHTS"):
                vm.execute("getfd", {"fdname": "a"})
            assert vm.execute("getfd", {"fdname": "a"}, fds=[read_end]) == {}
            assert vm.execute("closefd", {"fdname": "a"}) == {}
            for number in range(5):
                added = vm.execute("add-fd", {"opaque": f"{number}"}, fds=[read_end])
                assert added["fdset-id"] == number
            sets = vm.execute("query-fdsets")
            assert sorted(each["fds"][0]["opaque"] for each in sets) == list("01234")
            before = open_fds()
            vm.execute("add-fd", {"fdset-id": 0}, fds=[read_end, read_end])
            assert open_fds() == before
        os.fstat(read_end)  # still open
    finally:
        os.close(read_end)


def test_quit(face: Face, qemu: Server) -> None:
    with face.connect(qemu.path) as vm:
        assert vm.execute("quit") == {}
        event = vm.wait_event("SHUTDOWN", since=0, timeout=PATIENCE)
        assert event.data == {"guest": False, "reason": "host-qmp-quit"}
        assert qemu.process.wait(PATIENCE) == 0
        with pytest.raises((ConnectionClosed, CommandInterrupted)):
            vm.execute("query-status")
        with pytest.raises(ConnectionClosed):
            vm.execute("query-status")


def test_killed_with_commands_in_flight(face: Face, qemu: Server, tmp_path: Path) -> None:
    with face.connect(qemu.path, max_in_flight=8) as vm:
        blocked = Blocked(vm, tmp_path / "fifo")
        behind = [vm.begin("query-name") for _ in range(10)]
        events = background(list, vm.events())
        vm.execute("query-yank", oob=True, timeout=PATIENCE)
        qemu.process.send_signal(signal.SIGKILL)
        with pytest.raises(CommandInterrupted) as caught:
            blocked.executing.result(PATIENCE)
        assert caught.value.command == "blockdev-add"
        for each in behind:
            with pytest.raises((CommandInterrupted, ConnectionClosed)):
                each.result(PATIENCE)
        assert events.result(PATIENCE) == []
        with pytest.raises(ConnectionClosed):
            vm.execute("query-name")
        blocked.release()


def test_qemu_dials_us(face: Face, start: StartProgram, program: Any, tmp_path: Path) -> None:
    path = tmp_path / "here"
    accepting = background(face.accept, path, timeout=PATIENCE)
    until_listening(path)
    start([program(QEMU), *BASE, "-qmp", f"unix:{path}"])
    with accepting.result(PATIENCE) as vm:
        assert vm.execute("query-status")["running"] is True


def test_pretty(face: Face, start: StartProgram, program: Any, tmp_path: Path) -> None:
    path = tmp_path / "pretty"
    listening = f"unix:{path},server=on,wait=off"
    start([program(QEMU), *BASE, "-qmp-pretty", listening])
    with face.connect(path, wait_for_socket=True, timeout=PATIENCE) as vm:
        mark = vm.event_mark()
        vm.execute("stop")
        assert vm.wait_event("STOP", since=mark, timeout=PATIENCE).data == {}
        assert vm.execute("query-status")["running"] is False
        assert vm.execute("query-block") == []
        assert len(vm.execute("query-commands")) > 100
        assert len(vm.execute("query-qmp-schema")) > 1000


def test_a_capability_that_is_not_offered(
    face: Face, start: StartProgram, program: Any, tmp_path: Path
) -> None:
    path = tmp_path / "qmp"
    start([program("qemu-storage-daemon"), *monitor_options(path)])
    with pytest.raises(NegotiationError):
        face.connect(path, capabilities=["bogus"], wait_for_socket=True, timeout=PATIENCE)


def test_the_storage_daemon(face: Face, start: StartProgram, program: Any, tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    process = start([program("qemu-storage-daemon"), *monitor_options(path)])
    with face.connect(path, wait_for_socket=True, timeout=PATIENCE) as vm:
        assert vm.capabilities == ("oob",)
        blocked = Blocked(vm, tmp_path / "fifo")
        overtake(vm)
        assert not blocked.executing.done()
        blocked.release()
        assert blocked.executing.result(PATIENCE) == {}
        nodes = vm.execute("query-named-block-nodes", {"flat": True})
        assert "blocked" in [node["node-name"] for node in nodes]
        assert vm.execute("quit") == {}
    assert process.wait(PATIENCE) == 0
