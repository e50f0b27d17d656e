"""Launched programs: their monitor on a socket pair, and their end with the client.

Modules: launching, process_guard.
"""

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpeer import Client, CommandInterrupted, ConnectionClosed, limits
from tests.client.faces import Face
from tests.client.scripted import open_fds
from tests.client.test_closing import run_python
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

Program = Callable[[str], str]

SERVER = textwrap.dedent(
    """
    import json, signal, socket, sys
    sock = socket.socket(fileno=int(sys.argv[1]))
    said = sock.makefile("r")
    def say(message):
        sock.sendall(json.dumps(message).encode() + b"\\n")
    say({"QMP": {"version": None, "capabilities": []}})
    for line in said:
        command = json.loads(line)
        match command["execute"]:
            case "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case "die":
                sys.exit("dying as told")
            case "leave":
                sock.shutdown(socket.SHUT_RDWR)
                sock.detach()
                while True:
                    signal.pause()
            case "mute":
                continue
        say({"return": sys.argv[2:], "id": command["id"]})
    while True:
        signal.pause()
    """
)


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    """Return the command line of a small server, to which launch() adds its options."""
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return [sys.executable, str(path)]


MONITOR = ("{fd}", "x={fd}")


def test_a_program_of_any_kind(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR) as vm:
        (option,) = vm.execute("argv")
        assert option.startswith("x=")
        assert vm.process.poll() is None
    assert vm.process.returncode == -signal.SIGTERM


def test_closing_ends_it_also_when_it_does_not_want_to(
    face: Face, server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.CLOSE_TIMEOUT", 0.1)
    with face.launch(server, monitor=MONITOR) as vm:
        vm.execute("stubborn")
    assert vm.process.returncode == -signal.SIGKILL
    vm.close()


def test_it_dies_at_once(face: Face) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such machine')"]
    with pytest.raises(ConnectionClosed, match=r"ended with exit status 1: no such machine") as e:
        face.launch(argv, monitor=[])
    assert argv[0] in str(e.value)


def test_it_dies_by_a_signal(face: Face) -> None:
    argv = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with pytest.raises(ConnectionClosed, match=r"ended with signal 9$"):
        face.launch(argv, monitor=[])


def test_it_says_very_much(face: Face) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('x' * 1_000_000 + 'the end')"]
    with pytest.raises(ConnectionClosed, match=r"xxxthe end$") as caught:
        face.launch(argv, monitor=[])
    assert len(str(caught.value)) < limits.LAUNCH_STDERR + 1000


def test_its_stderr_may_go_elsewhere(face: Face, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('here')"]
    with (
        (tmp_path / "log").open("wb") as log,
        pytest.raises(ConnectionClosed, match=r"exit status 1$"),
    ):
        face.launch(argv, monitor=[], stderr=log)
    assert (tmp_path / "log").read_text() == "here\n"


def test_it_never_greets(face: Face) -> None:
    argv = [sys.executable, "-c", "import signal; signal.pause()"]
    with pytest.raises(TimeoutError, match=r"hasn't greeted in 0\.1 s"):
        face.launch(argv, monitor=["{fd}"], timeout=0.1)


def test_it_dies_later(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR) as vm:
        with pytest.raises(CommandInterrupted, match="exit status 1: dying as told"):
            vm.execute("die", timeout=PATIENCE)
        with pytest.raises(ConnectionClosed, match="exit status 1: dying as told"):
            vm.execute("x")


def test_it_is_killed_with_commands_in_flight(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR) as vm:
        executing = [vm.begin("mute") for _ in range(4)]
        vm.execute("x", timeout=PATIENCE)
        vm.process.kill()
        for each in executing:
            with pytest.raises((CommandInterrupted, ConnectionClosed), match="signal 9"):
                each.result(PATIENCE)


def test_it_closes_its_monitor_and_lives(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR) as vm:
        with pytest.raises(CommandInterrupted, match="the server closed the connection"):
            vm.execute("leave", timeout=PATIENCE)
        assert vm.process.poll() is None
    assert vm.process.poll() is not None


def test_nothing_stays_open(face: Face, server: list[str]) -> None:
    with face.launch(server, monitor=MONITOR):
        pass
    before = open_fds()
    with face.launch(server, monitor=MONITOR) as vm:
        vm.execute("x")
    with pytest.raises(ConnectionClosed):
        face.launch([sys.executable, "-c", ""], monitor=[])
    assert open_fds() == before


LEFT_OPEN = {
    "blocking": "vm = Client.launch({argv}, monitor={monitor})\nprint(vm.process.pid)",
    "async": "import asyncio\nfrom qmpeer import AsyncClient\n"
    "async def main():\n    global vm\n"
    "    vm = await AsyncClient.launch({argv}, monitor={monitor})\n"
    "    print(vm.process.pid)\nasyncio.run(main())",
}


@pytest.mark.parametrize("kind", LEFT_OPEN)
def test_it_ends_with_a_program_that_forgets_it(server: list[str], kind: str) -> None:
    text = LEFT_OPEN[kind].format(argv=server, monitor=MONITOR)
    done = run_python("from qmpeer import Client\n" + text)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


# The end of the program that launched it


def has_ended(pid: int) -> bool:
    """Wait until a process that isn't our child has ended."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    try:
        return bool(poll.poll(PATIENCE * 1000))
    finally:
        os.close(pidfd)


def children() -> set[int]:
    """Return the child processes that this one hasn't waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        found.update(map(int, path.read_text().split()))
    return found


def catches(pid: int, signum: int) -> bool:
    """Return whether a process has a handler for a signal."""
    (mask,) = re.findall(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (signum - 1) & 1)


ENDS = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "_exit": "os._exit(0)",
    "a forked child lives on": (
        "pid = os.fork()\nif not pid: signal.pause()\n"
        "print(pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    ),
}


def printed_by(text: str, tmp_path: Path) -> list[int]:
    """Run a program, and return the numbers that it printed; its children may survive it."""
    path = tmp_path / "printed"
    with path.open("wb") as out:
        subprocess.run([sys.executable, "-c", text], stdout=out, timeout=PATIENCE, check=False)
    return [int(word) for word in path.read_text().split()]


@pytest.mark.parametrize("kind", LEFT_OPEN)
@pytest.mark.parametrize("how", ENDS)
def test_it_ends_with_its_parent(server: list[str], kind: str, how: str, tmp_path: Path) -> None:
    argv = [*server[:1], "-c", STUBBORN] if how == "SIGKILL" else server
    text = LEFT_OPEN[kind].format(argv=argv, monitor=MONITOR)
    text = f"from qmpeer import Client, limits\nlimits.CLOSE_TIMEOUT = 0.1\n{text}\n"
    text += f"import os, signal, sys\nsys.stdout.flush()\n{ENDS[how]}"
    pid, *children = printed_by(text, tmp_path)
    assert has_ended(pid)
    for child in children:
        os.kill(child, signal.SIGKILL)


STUBBORN = SERVER.replace(
    "for line in said:", "signal.signal(15, signal.SIG_IGN)\nfor line in said:"
)


def test_it_outlives_the_thread_that_launched_it(server: list[str]) -> None:
    before = children()
    with ThreadPoolExecutor(1) as pool:
        launched = pool.submit(Client.launch, server, monitor=MONITOR)
        with launched.result(PATIENCE) as vm:
            assert vm.process is not None
            (guard,) = children() - before - {vm.process.pid}
            while not catches(guard, signal.SIGUSR1):
                pass
            pool.shutdown()
            vm.execute("x", timeout=PATIENCE)
            assert {vm.process.pid, guard} <= children()
            assert vm.process.poll() is None


def test_it_may_outlive_its_parent(server: list[str], tmp_path: Path) -> None:
    text = LEFT_OPEN["blocking"].replace("monitor={monitor}", "monitor={monitor}, {options}")
    text = text.format(argv=server, monitor=MONITOR, options="ends_with_parent=False")
    (pid,) = printed_by("from qmpeer import Client\n" + text, tmp_path)
    try:
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("own_session", [True, False])
def test_its_session(face: Face, server: list[str], own_session: bool) -> None:
    with face.launch(server, monitor=MONITOR, own_session=own_session) as vm:
        vm.execute("x", timeout=PATIENCE)
        assert (os.getsid(vm.process.pid) == vm.process.pid) is own_session
        assert (os.getsid(vm.process.pid) == os.getsid(0)) is not own_session


def test_without_a_python_to_stand_guard(
    server: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with (
        pytest.warns(RuntimeWarning, match="won't end with this program if that is killed"),
        Client.launch(server, monitor=MONITOR) as vm,
    ):
        vm.execute("x", timeout=PATIENCE)


def test_a_guard_goes_with_what_it_guards(server: list[str]) -> None:
    before = children()
    with Client.launch(server, monitor=MONITOR) as vm:
        assert vm.process is not None
        (guard,) = children() - before - {vm.process.pid}
        vm.process.kill()
        vm.process.wait()
        assert has_ended(guard)
    assert children() <= before


@pytest.mark.real
def test_qemu(face: Face, program: Program) -> None:
    with face.launch([program(QEMU), *BASE, "-name", "a"]) as vm:
        assert vm.execute("query-name") == {"name": "a"}
        assert "oob" in vm.capabilities
        assert vm.execute("quit") == {}
        assert vm.process.wait(PATIENCE) == 0
        with pytest.raises((CommandInterrupted, ConnectionClosed), match="exit status 0"):
            vm.execute("query-name")


@pytest.mark.real
def test_qemu_that_can_not_start(face: Face, program: Program) -> None:
    with pytest.raises(ConnectionClosed, match="unsupported machine type") as caught:
        face.launch([program(QEMU), "-machine", "bogus", "-display", "none"])
    assert "exit status 1" in str(caught.value)


@pytest.mark.real
def test_the_storage_daemon(face: Face, program: Program) -> None:
    with face.launch([program("qemu-storage-daemon")]) as vm:
        vm.execute("blockdev-add", {"driver": "null-co", "node-name": "n0"})
        nodes = vm.execute("query-named-block-nodes", {"flat": True})
        assert [node["node-name"] for node in nodes] == ["n0"]


@pytest.mark.real
def test_qemu_that_is_killed_with_commands_in_flight(
    face: Face, program: Program, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with face.launch([program(QEMU), *BASE]) as vm:
        blockdev = {
            "driver": "blkdebug",
            "node-name": "b",
            "config": str(fifo),
            "image": {"driver": "null-co", "read-zeroes": True},
        }
        executing = [vm.begin("blockdev-add", blockdev)]
        executing += [vm.begin("query-name") for _ in range(4)]
        (instance,) = vm.execute("query-yank", oob=True, timeout=PATIENCE)
        assert instance["type"] == "chardev"
        vm.process.send_signal(signal.SIGKILL)
        for each in executing:
            with pytest.raises((CommandInterrupted, ConnectionClosed), match="signal 9"):
                each.result(PATIENCE)
        with pytest.raises(ConnectionClosed, match="signal 9"):
            vm.execute("query-name")
