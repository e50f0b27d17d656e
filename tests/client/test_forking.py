"""A connection and forked children: it belongs to the process that opened it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, Client
from tests.client.conftest import OurMonitor
from tests.client.faces import Face, Vm, background
from tests.client.scripted import ScriptedServer, connected
from tests.client.test_launching import LEFT_OPEN, MONITOR, server
from tests.forks import in_child, living_child
from tests.patience import PATIENCE

__all__ = ["server"]

NOT_OURS = (
    f"ConnectionClosed: the connection belongs to process {os.getpid()}, which forked this one"
)


def use(client: Any, method: str, *args: Any, **options: Any) -> Any:
    """Call a method in a child; for the async client, on a new loop."""
    if isinstance(client, AsyncClient):

        async def run() -> Any:
            return await getattr(client, method)(*args, **options)

        return asyncio.run(run())
    return getattr(client, method)(*args, **options)


USES: dict[str, Callable[[Any], object]] = {
    "execute": lambda client: use(client, "execute", "query-version"),
    "out of band": lambda client: use(client, "execute", "query-version", oob=True),
    "wait_event": lambda client: use(client, "wait_event", "X", timeout=PATIENCE),
    "run_job": lambda client: use(client, "run_job", "x", {"job-id": "j"}, timeout=PATIENCE),
}


@pytest.fixture(params=[0.0, PATIENCE], ids=["plain", "reconnecting"])
def vm(face: Face, ours: OurMonitor, request: pytest.FixtureRequest) -> Any:
    with face.connect(ours.address, reconnect=request.param) as made:
        yield made


def works(vm: Vm) -> None:
    """Assert that the parent's connection works in both directions."""
    mark = vm.event_mark()
    assert vm.execute("echo", {"value": 1}, timeout=PATIENCE) == {"value": 1}
    vm.execute("emit", {"name": "X"}, timeout=PATIENCE)
    assert vm.wait_event("X", since=mark, timeout=PATIENCE).name == "X"


@pytest.mark.parametrize("how", USES)
def test_a_child_cannot_use_it(vm: Vm, how: str) -> None:
    assert in_child(lambda: USES[how](vm.client)) == NOT_OURS
    works(vm)


def test_a_childs_subscription_ends(vm: Vm) -> None:
    events = vm.events("X")
    if isinstance(vm.client, Client):
        assert in_child(lambda: list(events)) == "[]"
        assert in_child(events.close) == "None"
    vm.execute("emit", {"name": "X"}, timeout=PATIENCE)
    assert events.next().name == "X"


def test_a_child_may_close_it(vm: Vm) -> None:
    def close() -> object:
        use(vm.client, "close")
        use(vm.client, "close")
        return vm.client.is_closed

    assert in_child(close) == "True"
    works(vm)


def test_a_child_may_leave_its_block(vm: Vm) -> None:
    def leave() -> None:
        if isinstance(vm.client, AsyncClient):
            use(vm.client, "__aexit__", None, None, None)
        else:
            vm.client.__exit__(None, None, None)

    assert in_child(leave) == "None"
    works(vm)


def test_a_thread_receives_meanwhile(vm: Vm) -> None:
    mark = vm.event_mark()
    waiting = vm.start("wait_event", "X", since=mark, timeout=PATIENCE)
    held = vm.begin("hold", {"name": "h"})
    assert in_child(lambda: USES["execute"](vm.client)) == NOT_OURS
    assert in_child(lambda: use(vm.client, "close")) == "None"
    vm.execute("release", {"name": "h"}, oob=True, timeout=PATIENCE)
    assert held.result(PATIENCE) == {"held": "h"}
    vm.execute("emit", {"name": "X"}, timeout=PATIENCE)
    assert waiting.result(PATIENCE).name == "X"


def test_every_lock_is_free_in_a_child(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        if not isinstance(vm.client, Client):
            pytest.skip("an async client has no locks")
        channel = vm.client._channel
        with channel.lock, channel.log._lock:
            assert in_child(lambda: vm.client.events("X").close()) == "None"
            assert in_child(lambda: USES["execute"](vm.client)) == NOT_OURS
            assert in_child(vm.client.close) == "None"
        works(vm)


def test_a_child_does_not_keep_it_open(face: Face) -> None:
    with connected(face) as (vm, server), living_child(lambda: None):
        vm.close()
        assert server.socket.recv(1) == b""


def test_a_launched_program_is_not_the_childs(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR) as vm:
        assert in_child(lambda: USES["execute"](vm.client)) == NOT_OURS
        assert in_child(lambda: use(vm.client, "close")) == "None"
        vm.execute("x", timeout=PATIENCE)
        assert vm.process.poll() is None


@pytest.mark.parametrize("kind", LEFT_OPEN)
def test_a_child_ends_before_its_parent(server: list[str], kind: str) -> None:
    """The interpreter's exit in the child affects nothing of the parent."""
    text = LEFT_OPEN[kind].format(argv=server, monitor=MONITOR)
    text = (
        f"from qmpeer import Client\n{text}\nimport os, sys\nsys.stdout.flush()\n"
        "pid = os.fork()\nif not pid: sys.exit()\nos.waitpid(pid, 0)\n"
        "print(vm.process.poll())\nsys.stdout.flush()\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert done.stdout.split()[1:] == ["None"], done.stderr


def test_a_child_is_warned_of_nothing(server: list[str]) -> None:
    """The guard of a launched program isn't the child's to close or to wait for."""
    text = (
        "import os\nfrom qmpeer import Client\n"
        f"with Client.launch({server!r}, monitor={MONITOR!r}) as vm:\n"
        "    pid = os.fork()\n    if not pid: os._exit(0)\n    os.waitpid(pid, 0)\n"
    )
    argv = [sys.executable, "-W", "default", "-c", text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


LIST_SOCKETS = """
import os, sys
with open(sys.argv[1], "w") as file:
    for fd in os.listdir("/proc/self/fd"):
        try:
            print(os.readlink(f"/proc/self/fd/{fd}"), file=file)
        except OSError:
            pass
"""


def test_a_program_that_is_started_inherits_nothing(face: Face, tmp_path: Path) -> None:
    given, other = socket.socketpair()
    given.set_inheritable(True)
    connecting = background(face.connect, given, timeout=PATIENCE)
    server = ScriptedServer(other)
    with other:
        server.greet()
        server.negotiate()
        with connecting.result(PATIENCE):
            argv = [sys.executable, "-c", LIST_SOCKETS, str(tmp_path / "fds")]
            os.waitpid(os.posix_spawn(sys.executable, argv, os.environ), 0)
    assert "socket:" not in (tmp_path / "fds").read_text()
