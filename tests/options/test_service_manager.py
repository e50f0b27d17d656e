"""Sockets from a service manager, and states told to it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.options import StartError, service_manager
from qmpeer.options.service_manager import PassedSocket, notify, passed_sockets
from qmpeer.transport import TcpAddress, UnixAddress
from tests.options.test_startup import running
from tests.patience import PATIENCE

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@pytest.fixture
def listeners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """A unix and a TCP listener on descriptors in a row, which count as the first passed ones."""
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "q"))
    tcp = socket.create_server(("127.0.0.1", 0))
    first = 500
    for at, sock in enumerate((unix, tcp)):
        sock.listen()
        os.dup2(sock.fileno(), first + at)
        sock.close()
    monkeypatch.setattr(service_manager, "_FIRST", first)
    passed = [socket.socket(fileno=first + at) for at in range(2)]
    yield passed
    for sock in passed:
        sock.close()


def announce(monkeypatch: pytest.MonkeyPatch, pid: int, count: str, names: str = "") -> None:
    for name, value in zip(VARIABLES, (str(pid), count, names), strict=True):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("names", "expected"),
    [("a:b", ["a", "b"]), ("a", ["a", "unknown"]), ("", ["unknown"] * 2), ("a:b:c", ["a", "b"])],
)
def test_sockets_and_their_names(
    names: str,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listeners: list[socket.socket],
) -> None:
    announce(monkeypatch, os.getpid(), "2", names)
    port = listeners[1].getsockname()[1]
    addresses = UnixAddress(str(tmp_path / "q")), TcpAddress("127.0.0.1", port)
    assert passed_sockets() == [
        PassedSocket(500 + at, expected[at], addresses[at]) for at in range(2)
    ]
    assert not any(name in os.environ for name in VARIABLES)
    assert not any(sock.get_inheritable() for sock in listeners)
    assert passed_sockets() == []


def test_those_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, os.getpid() + 1, "nonsense")
    assert passed_sockets() == []


@pytest.mark.parametrize("count", ["", "-1", "x", "99999", "²"])
def test_counts_that_are_none(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    announce(monkeypatch, os.getpid(), count)
    with pytest.raises(StartError, match="expected the number of sockets that were passed"):
        passed_sockets()


def test_what_is_no_listener(
    monkeypatch: pytest.MonkeyPatch, listeners: list[socket.socket]
) -> None:
    announce(monkeypatch, os.getpid(), "1", "a")
    with socket.socket(socket.AF_UNIX) as plain:
        os.dup2(plain.fileno(), 500)
    with pytest.raises(StartError, match=r"500 \(a\): found a socket that doesn't listen"):
        passed_sockets()
    announce(monkeypatch, os.getpid(), "1", "a")
    with open(os.devnull) as file:
        os.dup2(file.fileno(), 500)
    with pytest.raises(StartError, match=r"500 \(a\): File descriptor '500' is not a socket"):
        passed_sockets()
    listeners.pop(0).detach()
    os.close(500)
    announce(monkeypatch, os.getpid(), "1", "a")
    with pytest.raises(StartError, match=r"500 \(a\): Bad file descriptor"):
        passed_sockets()


@pytest.fixture(params=["path", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    place = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind(f"\0{place}" if request.param == "abstract" else place)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{place}" if request.param == "abstract" else place)
        yield sock


def test_states(manager: socket.socket) -> None:
    notify("READY=1", "STATUS=hello")
    assert manager.recv(100) == b"READY=1\nSTATUS=hello"


@pytest.mark.parametrize("place", [None, "", "relative", "/nonexistent/notify", "/" + "x" * 200])
def test_nobody_wants_to_know(place: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if place is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", place)
    notify("READY=1")


async def test_a_program_says_when_it_is_ready(manager: socket.socket, tmp_path: Path) -> None:
    async with running("-qmp", f"unix:{tmp_path}/q,server=on,wait=off"):
        assert manager.recv(100).startswith(b"READY=1\n")
        assert (tmp_path / "q").is_socket()
    assert manager.recv(100).startswith(b"STOPPING=1\n")
