"""Fixtures of real servers and our own program, each in its own process with its own socket.

Tests share a server as long as they leave it unchanged; a changed one is replaced by a new one.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

import qmpeer
from qmpeer import Client, CommandError
from qmpeer.errors import QMPError
from tests.client.conftest import LOOPS
from tests.client.faces import AsyncFace, BlockingFace, Face
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

StartProgram = Callable[[Sequence[str]], "subprocess.Popen[str]"]


@pytest.fixture(params=["blocking", *LOOPS])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made = BlockingFace() if request.param == "blocking" else AsyncFace(LOOPS[request.param])
    yield made
    made.end()


@contextlib.contextmanager
def starting(folder: Path, stderr: IO[str] | None = None) -> Iterator[StartProgram]:
    """Yield a function that starts programs in a folder; end all of them afterwards."""
    with contextlib.ExitStack() as stack:

        def begin(argv: Sequence[str]) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": str(Path(qmpeer.__file__).parents[1])},
                cwd=folder,
                text=True,
            )
            stack.callback(end, process)
            return process

        yield begin


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartProgram]:
    """Return a function that starts a program, which is ended after the test."""
    with starting(tmp_path) as begin:
        yield begin


def end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A server that listens on a unix socket, and optionally on TCP."""

    def __init__(
        self, command: Sequence[str], path: Path, start: StartProgram, options: Sequence[str] = ()
    ) -> None:
        self.path = path
        self.command = command
        self.address = str(path)
        unix = ("-qmp", f"unix:{path},server=on,wait=off")
        self.process = start([*command, *BASE, *unix, *options])
        until_listening(path, self.process)

    def port(self) -> int:
        """Return the TCP port on which it listens."""
        with Client.connect(self.path) as vm:
            for chardev in vm.execute("query-chardev"):
                if "tcp:" in chardev["filename"]:
                    name = chardev["filename"].partition(",")[0]
                    return int(name.rpartition(":")[2])
        raise AssertionError("it doesn't listen on TCP")

    def state(self) -> list[Any]:
        """Query the state that one test could leave behind for the next."""
        with Client.connect(self.path, timeout=PATIENCE, command_timeout=PATIENCE) as vm:
            return [answer(vm, command) for command in LASTING]


LASTING = ("query-status", "query-fdsets", "query-named-block-nodes", "query-jobs")


def answer(vm: Client, command: str) -> Any:
    try:
        return vm.execute(command)
    except CommandError as error:
        return error.desc


OURS = (sys.executable, "-m", "qmpeer", "serve")
StartServer = Callable[..., Server]


class Shared:
    """The servers that tests share, by command line; each listens on a unix socket and on TCP."""

    def __init__(self, start: StartProgram, folder: Path) -> None:
        self._start = start
        self._folder = folder
        self._servers: dict[Sequence[str], tuple[Server, list[Any]]] = {}
        self._count = 0

    def server(self, command: Sequence[str]) -> Server:
        """Return the running server, or start one."""
        if command not in self._servers:
            self._count += 1
            path = self._folder / f"qmp{self._count}"
            options = ("-qmp", "tcp:127.0.0.1:0,server=on,wait=off")
            server = Server(command, path, self._start, options)
            self._servers[command] = server, server.state()
        return self._servers[command][0]

    def give_back(self, command: Sequence[str]) -> None:
        """End the running server if a test has changed it."""
        server, state = self._servers[command]
        try:
            is_as_it_was = server.process.poll() is None and server.state() == state
        except (OSError, QMPError):
            is_as_it_was = False
        if not is_as_it_was:
            end(server.process)
            del self._servers[command]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("shared")
    with starting(folder) as begin:
        yield Shared(begin, folder)


@pytest.fixture(params=["ours", "qemu"])
def server(
    request: pytest.FixtureRequest, shared: Shared, program: Callable[[str], str]
) -> Iterator[Server]:
    """Return our own server or QEMU: each test must pass with both."""
    command = OURS if request.param == "ours" else (program(QEMU),)
    yield shared.server(command)
    shared.give_back(command)


@pytest.fixture
def shared_qemu(shared: Shared, program: Callable[[str], str]) -> Iterator[Server]:
    command = (program(QEMU),)
    yield shared.server(command)
    shared.give_back(command)


@pytest.fixture
def release(server: Server, request: pytest.FixtureRequest) -> tuple[int, int]:
    """Return the QEMU release of the server, or the one whose interface it follows."""
    if server.command == OURS:
        return (7, 2)
    version: tuple[int, int] = request.getfixturevalue("qemu_version")
    return version


@pytest.fixture
def qemu(start: StartProgram, tmp_path: Path, program: Callable[[str], str]) -> Server:
    return Server((program(QEMU),), tmp_path / "qmp", start)
