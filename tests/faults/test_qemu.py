"""A real QEMU that is killed or stopped while commands are in flight."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.errors import CommandInterrupted, ConnectionClosed
from qmpeer.values import JsonObject
from tests.faults.pretended_server import Twins
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real


@pytest.fixture
def qemu(program: Callable[[str], str], path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a QEMU that listens at the path."""
    argv = [program(QEMU), *BASE, "-qmp", f"unix:{path},server=on,wait=off"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait(PATIENCE)


def blocker(tmp_path: Path) -> JsonObject:
    """Return the arguments of a blockdev-add that doesn't end until the FIFO is opened."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    image: JsonObject = {"driver": "null-co", "read-zeroes": True}
    return {"driver": "blkdebug", "node-name": "n", "config": str(fifo), "image": image}


def test_sigkill_with_commands_in_flight(
    qemu: subprocess.Popen[bytes], twins: Twins, path: Path, tmp_path: Path
) -> None:
    client = twins.connect(path, wait_for_socket=True)
    blocked = twins.start(client.execute, "blockdev-add", blocker(tmp_path))
    with pytest.raises(TimeoutError):  # so the command before it has arrived
        client.execute("query-status", timeout=0.2)
    assert client.execute("query-yank", oob=True)
    queued = twins.start(client.execute, "query-name")
    qemu.kill()
    with pytest.raises(CommandInterrupted) as caught:
        blocked.result(PATIENCE)
    assert caught.value.command == "blockdev-add"
    with pytest.raises((CommandInterrupted, ConnectionClosed)):
        queued.result(PATIENCE)
    with pytest.raises(ConnectionClosed):
        client.execute("query-status")
    assert qemu.wait(PATIENCE) == -signal.SIGKILL


def test_sigstop(qemu: subprocess.Popen[bytes], twins: Twins, path: Path) -> None:
    """The deadline holds; late replies after SIGCONT are ignored."""
    client = twins.connect(path, wait_for_socket=True)
    assert client.execute("query-status")["status"] == "running"
    qemu.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, qemu.pid, os.WSTOPPED)
    for command in ("query-name", "query-kvm"):
        with pytest.raises(TimeoutError):
            client.execute(command, timeout=0.05)
    qemu.send_signal(signal.SIGCONT)
    assert client.execute("query-status")["status"] == "running"
    assert client.execute("query-version")["qemu"]["major"] >= 5
    mark = client.event_mark()
    assert client.execute("stop") == {}
    assert client.wait_event("STOP", since=mark, timeout=PATIENCE).name == "STOP"


def test_sigterm_while_events_are_awaited(
    qemu: subprocess.Popen[bytes], twins: Twins, path: Path
) -> None:
    client = twins.connect(path, wait_for_socket=True)
    mark = client.event_mark()
    waiting = twins.start(client.wait_event, "NEVER", timeout=PATIENCE)
    qemu.terminate()
    with pytest.raises(ConnectionClosed):
        waiting.result(PATIENCE)
    with pytest.raises(ConnectionClosed):
        client.wait_event("NEVER", since=mark, timeout=PATIENCE)
    assert qemu.wait(PATIENCE) == 0
