"""The guest agent's client against a real agent: programs, files, restarts, and a stopped agent."""

import logging
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from qmpeer import CommandError, CommandInterrupted, ConnectionClosed
from qmpeer.transport import dial
from tests.client.faces import Agent, Face
from tests.listening import until_listening
from tests.patience import PATIENCE

pytestmark = pytest.mark.real
MIB = 1 << 20
HARMFUL = (
    "guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,guest-fsfreeze-thaw,guest-fstrim,"
    "guest-set-time,guest-shutdown,guest-suspend-disk,guest-suspend-hybrid,guest-suspend-ram"
)
"""Commands that would affect the machine that runs the tests."""


class RealAgent:
    """A real agent in a process of its own, which can be restarted."""

    def __init__(self, program: str, folder: Path) -> None:
        self.path = folder / "ga"
        (folder / "state").mkdir()
        options = ["-m", "unix-listen", "-p", str(self.path), "-t", str(folder / "state")]
        self._argv = [program, *options, "-b", HARMFUL]
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        self.process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)
        until_listening(self.path, self.process)
        return self.process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def real(program: Callable[[str], str], tmp_path: Path) -> Iterator[RealAgent]:
    made = RealAgent(program("qemu-ga"), tmp_path)
    yield made
    made.kill()


@pytest.fixture
def agent(face: Face, real: RealAgent) -> Iterator[Agent]:
    with face.agent(real.path, timeout=PATIENCE, command_timeout=PATIENCE) as made:
        yield made


def test_what_it_is(agent: Agent) -> None:
    agent.call("ping")
    info = agent.call("info")
    assert info.version
    assert info.commands["guest-ping"].is_enabled
    assert not info.commands["guest-shutdown"].is_enabled
    assert not info.commands["guest-shutdown"].answers_success
    assert agent.call("freeze_status") == "thawed"
    for method in ("shutdown", "suspend"):
        with pytest.raises(CommandError, match="has been disabled"):
            agent.call(method)
    agent.call("ping")


def test_a_program_with_an_output_of_1_mib(agent: Agent) -> None:
    script = 'head -c 1048576 /dev/zero; cat >&2; printf "$NAME"; exit 3'
    executed = agent.call("run", ["/bin/sh", "-c", script], env={"NAME": "x y"}, input=b"\0in\xff")
    assert executed.exit_code == 3
    assert executed.stdout == bytes(MIB) + b"x y"
    assert executed.stderr == b"\0in\xff"
    assert not executed.is_truncated


def test_other_programs(agent: Agent) -> None:
    assert agent.call("run", ["/bin/sh", "-c", "kill -9 $$"]).signal == 9
    silent = agent.call("run", ["/bin/echo", "x"], capture_output=False)
    assert (silent.exit_code, silent.stdout) == (0, b"")
    with pytest.raises(CommandError, match="nowhere"):
        agent.call("run", ["/nowhere/x"])


@pytest.mark.parametrize("size", [MIB + 1, pytest.param(10 * MIB, marks=pytest.mark.slow)])
def test_a_file_of_many_chunks(agent: Agent, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "source").open("rb") as source:
        assert agent.call("put_file", source, str(tmp_path / "guest"), timeout=PATIENCE) == len(
            data
        )
    assert (tmp_path / "guest").read_bytes() == data
    with (tmp_path / "sink").open("wb") as sink:
        assert agent.call("get_file", str(tmp_path / "guest"), sink, timeout=PATIENCE) == len(data)
    assert (tmp_path / "sink").read_bytes() == data


def test_other_files(agent: Agent, tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    agent.call("write_file", path, b"one")
    agent.call("write_file", path, b" two", append=True)
    assert agent.call("read_file", path) == b"one two"
    agent.call("write_file", path, b"")
    assert agent.call("read_file", path) == b""
    with pytest.raises(CommandError, match="No such file or directory"):
        agent.call("read_file", str(tmp_path / "no" / "file"))


def test_it_is_restarted_in_the_middle(
    face: Face, real: RealAgent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "qmpeer.client")
    with face.agent(real.path, timeout=PATIENCE) as agent:
        running = agent.start("run", ["/bin/sleep", "60"])
        while "guest-exec-status" not in caplog.text:
            assert not running.done()
        (child,) = children_of(real.process.pid)
        real.kill()
        real.start()
        with pytest.raises((CommandInterrupted, ConnectionClosed)) as caught:
            running.result(PATIENCE)
        assert f"its pid is {child}" in caught.value.__notes__[0]
        os.kill(child, signal.SIGKILL)
        assert agent.call("run", ["/bin/echo", "again"]).stdout == b"again\n"


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def test_it_comes_back_while_it_is_waited_for(agent: Agent, real: RealAgent) -> None:
    real.kill()
    pinging = agent.start("ping")
    time.sleep(0)
    real.start()
    pinging.result(PATIENCE)


def test_one_that_stands_still(agent: Agent, real: RealAgent) -> None:
    """It is noticed within a few seconds, even if the deadline is long; later calls work again."""
    os.kill(real.process.pid, signal.SIGSTOP)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("qmpeer.limits.AGENT_PRESENCE", 0.2)
            with pytest.raises(TimeoutError, match=r"the guest agent hasn't answered in 0\.2 s"):
                agent.call("run", ["/bin/true"], timeout=None)
        with pytest.raises(TimeoutError):
            agent.call("ping", timeout=0.05)
    finally:
        os.kill(real.process.pid, signal.SIGCONT)
    assert agent.call("run", ["/bin/echo", "on"]).stdout == b"on\n"


def test_one_that_stands_still_in_the_middle(
    face: Face,
    real: RealAgent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "qmpeer.client")
    monkeypatch.setattr("qmpeer.limits.AGENT_PRESENCE", 1.0)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with face.agent(real.path, timeout=PATIENCE) as agent:
        running = agent.start("run", ["/bin/cat", str(fifo)], timeout=None)
        with fifo.open("wb") as writing:  # it runs once this is opened
            while "guest-exec-status" not in caplog.text:
                assert not running.done()
            os.kill(real.process.pid, signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError, match="the guest agent hasn't answered"):
                    running.result(PATIENCE)
            finally:
                os.kill(real.process.pid, signal.SIGCONT)
            writing.write(b"")
        agent.call("ping")


class Port:
    """A pretended guest port, whose connection stays open while the agent behind it is restarted.

    Attributes:
        most: The number of bytes of the next long reply that pass before the agent is restarted.
    """

    def __init__(self, path: Path, real: RealAgent) -> None:
        self.most: int | None = None
        self._real = real
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client:
            while True:
                with dial(self._real.path, timeout=PATIENCE, wait_for_socket=True) as agent:
                    if not self._relay(client, agent):
                        return

    def _relay(self, client: socket.socket, agent: socket.socket) -> bool:
        """Relay both directions; return whether the client is still connected."""
        while True:
            readable, _, _ = select.select([client, agent], [], [])
            if agent in readable:
                data = agent.recv(1 << 16)
                if not data:
                    return True
                if self.most is not None and len(data) > 5000:
                    client.sendall(data[: self.most])
                    self.most = None
                    self._real.kill()
                    self._real.start()
                    return True
                client.sendall(data)
            if client in readable:
                data = client.recv(1 << 16)
                if not data:
                    return False
                agent.sendall(data)

    def close(self) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()


def test_it_is_restarted_behind_a_port_that_stays(
    face: Face, real: RealAgent, tmp_path: Path
) -> None:
    port = Port(tmp_path / "port", real)
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    with face.agent(tmp_path / "port", timeout=PATIENCE, command_timeout=PATIENCE) as agent:
        for most in (1, 20, 6000):
            port.most = most
            while port.most is not None:
                # The cut reply may be one to a command that was given up; then this read succeeds.
                with suppress(TimeoutError, CommandError):
                    data = agent.call("read_file", str(tmp_path / "file"), timeout=0.2)
                    assert data == b"x" * 10_000
            assert agent.call("read_file", str(tmp_path / "file")) == b"x" * 10_000
    port.close()


def test_what_a_client_before_us_left_unfinished(face: Face, real: RealAgent) -> None:
    with dial(real.path, timeout=PATIENCE) as departed:
        departed.sendall(b'{"execute": "guest-ping", "arguments": {"text": "unfin')
        departed.shutdown(socket.SHUT_WR)
    with face.agent(real.path, timeout=PATIENCE) as agent:
        agent.call("ping")


def test_by_way_of_a_machine(face: Face, program: Callable[[str], str], tmp_path: Path) -> None:
    """The machine returns the address of its agent's port; no agent is behind it here."""
    port = "virtserialport,chardev=port,name=org.qemu.guest_agent.0"
    chardev = f"socket,id=port,path={tmp_path}/port,server=on,wait=off"
    machine = ["-machine", "q35", "-nodefaults", "-display", "none", "-accel", "tcg", "-m", "32"]
    options = ["-S", "-chardev", chardev, "-device", "virtio-serial", "-device", port]
    qemu = program("qemu-system-x86_64")
    with (
        face.launch([qemu, *machine, *options]) as vm,
        pytest.raises(TimeoutError, match=r"the guest agent hasn't answered in \d"),
    ):
        vm.call("guest_agent", timeout=2.0)
    with (
        face.launch([qemu, *machine, "-S"]) as vm,
        pytest.raises(ValueError, match=r"no virtserialport called 'org\.qemu\.guest_agent\.0'"),
    ):
        vm.call("guest_agent")
