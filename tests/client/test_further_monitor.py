"""Further monitors: a second connection to the same server, over a socket pair."""

import asyncio
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from qmpeer import AsyncClient, CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.client.timeouts import Deadline
from qmpeer.errors import ValidationError
from tests.client.faces import Face, Vm
from tests.client.hourglass import Hourglass
from tests.client.scripted import ScriptedServer, connected, open_fds
from tests.machine.serving import QMPEER, Threaded
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

ASKED = "--monitor-objects"
MADE = re.compile("qmpeer-[0-9a-f]{12}")
"""The labels of devices that were made for further monitors."""
TYPES = [{"name": "monitor-qmp", "parent": "monitor"}]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Threaded]:
    with Threaded(tmp_path / "q", ASKED) as served:
        yield served


@pytest.fixture
def vm(served: Threaded, face: Face) -> Iterator[Vm]:
    with face.connect(served.path, command_timeout=PATIENCE) as vm:
        yield vm


def left(vm: Vm) -> Any:
    """Return what a further monitor could leave behind, once the server has noticed departures."""
    deadline = Deadline(PATIENCE)
    devices = _devices(vm)
    while any(map(MADE.fullmatch, devices)) and (deadline.remaining() or 0) > 0:
        devices = _devices(vm)
    root = {each["name"] for each in vm.execute("qom-list", {"path": "/"})}
    objects = vm.execute("qom-list", {"path": "/objects"}) if "objects" in root else []
    return devices, {each["name"] for each in objects}


def _devices(vm: Vm) -> set[str]:
    return {each["label"] for each in vm.execute("query-chardev")}


def test_each_client_has_its_own_connection(vm: Vm) -> None:
    before = left(vm)
    with vm.new_monitor() as other:
        assert type(other.client) is type(vm.client)
        assert other.client.command_timeout == PATIENCE
        marks = [each.event_mark() for each in (vm, other)]
        vm.execute("stop")
        for each, mark in zip((vm, other), marks, strict=True):
            assert each.wait_event("STOP", since=mark, timeout=PATIENCE).name == "STOP"
        with other.new_monitor() as third:
            assert third.execute("query-status")["status"] == "paused"
    assert left(vm) == before


def test_the_first_client_may_leave_first(served: Threaded, face: Face, vm: Vm) -> None:
    other = vm.new_monitor()
    vm.close()
    assert other.execute("query-status")["running"]
    other.close()


def test_it_is_as_strict_as_the_first(served: Threaded, face: Face) -> None:
    with (
        face.connect(served.path, strict=True) as vm,
        vm.new_monitor() as other,
        pytest.raises(ValidationError),
    ):
        other.execute("query-status", {"x": 1})


def test_a_socket_for_another_process(vm: Vm) -> None:
    before = left(vm)
    with vm.call("new_monitor_socket") as sock:
        assert sock.gettimeout() is None
        done = subprocess.run(
            [*QMPEER, "exec", f"fd:{sock.fileno()}", "query-name"],
            pass_fds=[sock.fileno()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert (done.stdout, done.stderr) == ("{}\n", "")
    assert left(vm) == before


# Refusals


@pytest.mark.real
def test_no_qemu_before_11_has_them(
    face: Face, program: Callable[[str], str], qemu_version: tuple[int, int]
) -> None:
    argv = [program(QEMU), *BASE]
    with face.launch(argv, command_timeout=PATIENCE) as vm:
        before = left(vm), open_fds()
        with pytest.raises(ValueError, match=r"expected QEMU 11\.1 or newer") as caught:
            vm.new_monitor()
        assert str(caught.value).startswith("found QEMU {}.{}.".format(*qemu_version))
        with pytest.raises(ValueError, match="without monitor-qmp"):
            vm.call("new_monitor_socket")
        assert (left(vm), open_fds()) == before


def test_ours_has_them_only_when_asked(tmp_path: Path, face: Face) -> None:
    found = r"^found QEMU 7\.2\.0 \(qmpeer .*\) without monitor-qmp, expected QEMU 11\.1 or newer$"
    with (
        Threaded(tmp_path / "q") as served,
        face.connect(served.path) as vm,
        pytest.raises(ValueError, match=found),
    ):
        vm.new_monitor()


def test_a_server_without_types(face: Face) -> None:
    with connected(face) as (vm, server):
        making = vm.start("new_monitor")
        server.fail(server.command(), "CommandNotFound", "The command has not been found")
        with pytest.raises(ValueError, match=r"found QEMU 7\.2\.22 \(scripted\) without"):
            making.result(PATIENCE)
        assert not server.has_input()


def test_descriptors_travel_over_unix_sockets_only(face: Face) -> None:
    with connected(face, tcp=True) as (vm, server):
        before = open_fds()
        making = vm.start("new_monitor")
        server.reply(server.command(), TYPES)
        with pytest.raises(ValueError, match="unix socket"):
            making.result(PATIENCE)
        assert not server.has_input()
        assert open_fds() == before


# Steps that fail

STEPS = ["qom-list-types", "getfd", "chardev-add", "object-add"]
UNDOING = {"getfd": "closefd", "chardev-add": "chardev-remove", "object-add": "object-del"}


class Making:
    """A server's side of a monitor that is being made.

    Attributes:
        command: The last command.
        passed: The sockets that came with commands.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.command: dict[str, Any] = {}
        self.passed: list[socket.socket] = []

    def take(self, name: str) -> None:
        if name == "getfd":
            self.command, fds = self.server.command_with_fds()
            self.passed += (socket.socket(fileno=fd) for fd in fds)
        else:
            self.command = self.server.command()
        assert self.command["execute"] == name

    def grant(self) -> None:
        is_asked = self.command["execute"] == STEPS[0]
        self.server.reply(self.command, TYPES if is_asked else {})

    def take_until(self, step: str) -> None:
        """Grant all steps before one."""
        for name in STEPS[: STEPS.index(step) + 1]:
            if self.command:
                self.grant()
            self.take(name)

    def expect_undoing(self, *steps: str) -> None:
        for step in reversed(steps):
            self.take(UNDOING[step])
            (name,) = self.command["arguments"].values()
            assert name.startswith("qmpeer-")
            self.server.fail(self.command, "GenericError", "there is none")
        assert not self.server.has_input()

    def __enter__(self) -> "Making":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sock in self.passed:
            sock.close()


@pytest.mark.parametrize("step", STEPS[1:])
def test_refused_steps_are_taken_back(face: Face, step: str) -> None:
    with connected(face) as (vm, server):
        before = open_fds()
        future = vm.start("new_monitor")
        with Making(server) as making:
            making.take_until(step)
            server.fail(making.command, "GenericError", "no more of them")
            making.expect_undoing(*STEPS[1 : STEPS.index(step)])
            with pytest.raises(CommandError, match="no more of them") as caught:
                future.result(PATIENCE)
        assert not hasattr(caught.value, "__notes__")
        assert open_fds() == before


@pytest.mark.parametrize(("before", "step"), list(pairwise(STEPS)))
def test_a_deadline_is_for_all_steps(
    face: Face, hourglass: Hourglass, before: str, step: str
) -> None:
    """A step without a reply may have been executed, so it is taken back, too."""
    with connected(face) as (vm, server), Making(server) as making:
        future = vm.start("new_monitor", timeout=0.0)
        making.take_until(before)
        hourglass.let_go()
        making.grant()
        making.take(step)
        making.expect_undoing(*STEPS[1 : STEPS.index(step) + 1])
        with pytest.raises(TimeoutError):
            future.result(PATIENCE)


def test_a_lost_connection_leaves_a_note(face: Face) -> None:
    with connected(face) as (vm, server), Making(server) as making:
        future = vm.start("new_monitor")
        making.take_until("chardev-add")
        server.close()
        with pytest.raises(CommandInterrupted, match="chardev-add") as caught:
            future.result(PATIENCE)
        (note,) = caught.value.__notes__
        name = making.command["arguments"]["id"]
        assert note.startswith(f"the server may keep what was named {name}: ")
        with pytest.raises(ConnectionClosed):
            vm.new_monitor()


def test_a_server_that_does_not_greet(face: Face) -> None:
    """Our end is closed; then the server removes the monitor."""
    with connected(face) as (vm, server), Making(server) as making:
        future = vm.start("new_monitor", timeout=0.5)
        making.take_until("object-add")
        making.grant()
        with pytest.raises(TimeoutError, match="greeted"):
            future.result(PATIENCE)
        assert making.passed[0].recv(1) == b""
        making.expect_undoing()


async def test_a_cancelled_call_is_taken_back() -> None:
    ours, theirs = socket.socketpair()
    server = ScriptedServer(theirs)

    async def with_input() -> None:
        async with asyncio.timeout(PATIENCE):
            while not server.has_input():
                await asyncio.sleep(0)

    try:
        client = await AsyncClient.connect(ours, negotiate=False)
        future = asyncio.ensure_future(client.new_monitor())
        with Making(server) as making:
            await with_input()
            making.take("qom-list-types")
            making.grant()
            await with_input()
            making.take("getfd")
            future.cancel()
            await with_input()
            making.expect_undoing("getfd")
            with pytest.raises(asyncio.CancelledError):
                await future
        await client.close()
    finally:
        server.close()
