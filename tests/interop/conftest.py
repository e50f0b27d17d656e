"""Real servers, and our own as a program: each in a process of its own, on a socket of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import qmpeer
from qmpeer import Client
from tests.client.conftest import LOOPS
from tests.client.faces import SOON, AsyncFace, BlockingFace, Face
from tests.listening import until_listening

MACHINE = ("-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg")
Start = Callable[[Sequence[str]], "subprocess.Popen[str]"]


@pytest.fixture(params=["blocking", *LOOPS])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made = BlockingFace() if request.param == "blocking" else AsyncFace(LOOPS[request.param])
    yield made
    made.end()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program, and end it after the test."""
    with contextlib.ExitStack() as stack:

        def begin(argv: Sequence[str]) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(Path(qmpeer.__file__).parents[1])},
                cwd=tmp_path,
                text=True,
            )
            stack.callback(end, process)
            return process

        yield begin


def end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SOON)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Server:
    """A server that listens on a unix socket, and on TCP, too, if it was asked to."""

    def __init__(
        self, command: Sequence[str], path: Path, start: Start, options: Sequence[str] = ()
    ) -> None:
        self.path = path
        self.command = command
        self.address = str(path)
        unix = ("-qmp", f"unix:{path},server=on,wait=off")
        self.process = start([*command, *MACHINE, *unix, *options])
        until_listening(path, self.process)

    def port(self) -> int:
        """Say where it listens on TCP."""
        with Client.connect(self.path) as vm:
            for chardev in vm.execute("query-chardev"):
                if "tcp:" in chardev["filename"]:
                    name = chardev["filename"].partition(",")[0]
                    return int(name.rpartition(":")[2])
        raise AssertionError("it doesn't listen on TCP")


OURS = (sys.executable, "-m", "qmpeer", "serve")
StartServer = Callable[..., Server]


@pytest.fixture(params=["ours", "qemu"])
def start_server(
    request: pytest.FixtureRequest,
    start: Start,
    tmp_path: Path,
    program: Callable[[str], str],
) -> StartServer:
    """Start our own server, or QEMU: what is true of the one is true of the other."""
    command = OURS if request.param == "ours" else (program("qemu-system-x86_64"),)

    def begin(*options: str) -> Server:
        return Server(command, tmp_path / "qmp", start, options)

    return begin


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server()


@pytest.fixture
def release(server: Server, request: pytest.FixtureRequest) -> tuple[int, int]:
    """Return the release of QEMU that the server is of, or follows."""
    if server.command == OURS:
        return (7, 2)
    version: tuple[int, int] = request.getfixturevalue("qemu_version")
    return version


@pytest.fixture
def qemu(start: Start, tmp_path: Path, program: Callable[[str], str]) -> Server:
    return Server((program("qemu-system-x86_64"),), tmp_path / "qmp", start)
