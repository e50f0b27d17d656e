"""Descriptors named by getfd, separate for each monitor, compared with a real QEMU."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.values import JsonObject
from tests.machine.serving import Served, Serving, Threaded
from tests.patience import PATIENCE
from tests.qemu import QEMU

PROMPT = b"(qemu) "
NOTHING_SENT = "No file descriptor supplied via SCM_RIGHTS"


def not_found(name: str) -> str:
    return f"File descriptor named '{name}' not found"


def unknown(name: str) -> str:
    return f"File descriptor named '{name}' has not been found"


class Terminal:
    """A client of a human monitor that works line by line."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(os.fspath(path))
        self._read()

    def run(self, line: str, *fds: int) -> str:
        """Enter a line; return its output."""
        socket.send_fds(self._socket, [line.encode() + b"\r"], fds)
        return self._read().partition(b"\r\n")[2].decode()

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> bytes:
        data = b""
        while not data.endswith(PROMPT):
            part = self._socket.recv(65536)
            assert part, data
            data += part
        return data.removesuffix(PROMPT)


@pytest.fixture(params=["ours", pytest.param("qemu", marks=pytest.mark.real)])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    more = ["-monitor", f"unix:{tmp_path}/human,server=on,wait=off"]
    more += ["-qmp", f"unix:{tmp_path}/other,server=on,wait=off"]
    served: Served
    if request.param == "ours":
        served = Threaded(tmp_path / "q", *more)
    else:
        program: Callable[[str], str] = request.getfixturevalue("program")
        served = Serving(tmp_path / "q", *more, program=[program(QEMU)])
    with served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with served.client() as client:
        yield client


@pytest.fixture
def other(client: Client, tmp_path: Path) -> Iterator[Client]:
    path = tmp_path / "other"
    with Client.connect(
        path, wait_for_socket=True, timeout=PATIENCE, command_timeout=PATIENCE
    ) as other:
        yield other


@pytest.fixture
def terminal(other: Client, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "human")  # it listens, and so do the devices after it
    yield terminal
    terminal.close()


@pytest.fixture
def fd() -> Iterator[int]:
    with socket.socket(socket.AF_UNIX) as one:
        yield one.fileno()


@pytest.fixture
def connected() -> Iterator[int]:
    one, another = socket.socketpair()
    with one, another:
        yield one.fileno()


def desc_of(client: Client, name: str, **arguments: Any) -> str:
    with pytest.raises(CommandError) as caught:
        client.execute(name, arguments)
    assert caught.value.error_class == "GenericError"
    return caught.value.desc


def run(client: Client, line: str, *fds: int) -> str:
    text: str = client.execute("human-monitor-command", {"command-line": line}, fds=fds)
    return text


def dialled(label: str, name: str) -> JsonObject:
    address: JsonObject = {"type": "fd", "data": {"str": name}}
    return {
        "id": label,
        "backend": {"type": "socket", "data": {"addr": address, "server": False}},
    }


def test_another_monitor_closes_none(client: Client, other: Client, fd: int) -> None:
    client.execute("getfd", {"fdname": "n"}, fds=[fd])

    assert desc_of(other, "closefd", fdname="n") == not_found("n")
    assert client.execute("closefd", {"fdname": "n"}) == {}


def test_another_monitor_takes_none(client: Client, other: Client, connected: int) -> None:
    client.execute("getfd", {"fdname": "s"}, fds=[connected])

    with pytest.raises(CommandError, match=f"Failed to add chardev 'x': {unknown('s')}"):
        other.execute("chardev-add", dialled("x", "s"))
    assert client.execute("chardev-add", dialled("x", "s")) == {}


def test_the_next_client_of_the_same_monitor_has_them(served: Served, fd: int) -> None:
    with served.client() as client:
        client.execute("getfd", {"fdname": "n"}, fds=[fd])
    with served.client() as client:
        assert client.execute("closefd", {"fdname": "n"}) == {}
        assert desc_of(client, "closefd", fdname="n") == not_found("n")


def test_a_human_monitor_has_its_own(client: Client, terminal: Terminal, fd: int) -> None:
    client.execute("getfd", {"fdname": "z"}, fds=[fd])
    assert terminal.run("closefd z") == f"Error: {not_found('z')}\r\n"
    assert client.execute("closefd", {"fdname": "z"}) == {}

    assert terminal.run("getfd b", fd) == ""
    assert desc_of(client, "closefd", fdname="b") == not_found("b")
    assert terminal.run("closefd b") == ""


def test_a_line_by_qmp_is_a_monitor_of_its_own(client: Client, fd: int) -> None:
    client.execute("getfd", {"fdname": "h"}, fds=[fd])
    assert run(client, "closefd h") == f"Error: {not_found('h')}\r\n"
    assert run(client, "chardev-add socket,id=c,fd=h") == f"Error: {unknown('h')}\r\n"
    assert run(client, "chardev-add socket,id=c,fd=3") == f"Error: {unknown('3')}\r\n"
    assert client.execute("closefd", {"fdname": "h"}) == {}


def test_what_comes_with_a_line_by_qmp_stays_with_its_client(client: Client, fd: int) -> None:
    assert run(client, "getfd 1", fd) == f"Error: {NOTHING_SENT}\r\n"
    assert client.execute("getfd", {"fdname": "a"}) == {}
    assert run(client, "getfd hh", fd) == f"Error: {NOTHING_SENT}\r\n"
    assert client.execute("getfd", {"fdname": "a"}) == {}


def test_a_human_monitors_devices_are_on_its_names(terminal: Terminal, connected: int) -> None:
    terminal.run("getfd x", connected)
    assert terminal.run("chardev-add socket,id=h,fd=x") == ""
    assert "h: filename=unix:\r\n" in terminal.run("info chardev")
    assert terminal.run("closefd x") == f"Error: {not_found('x')}\r\n"

    for name in ("nope", "3"):
        printed = terminal.run(f"chardev-add socket,id=g,fd={name}")
        assert printed == f"Error: {unknown(name)}\r\n"


def test_the_base_of_a_mux_is_on_them_too(terminal: Terminal, connected: int) -> None:
    terminal.run("getfd y", connected)
    assert terminal.run("chardev-add socket,id=m,fd=y,mux=on") == ""
    assert "m-base: filename=unix:\r\n" in terminal.run("info chardev")


def test_a_changed_device_is_on_them_too(terminal: Terminal, connected: int) -> None:
    terminal.run("chardev-add null,id=n")
    terminal.run("getfd y", connected)
    assert terminal.run("chardev-change n socket,fd=y") == ""
    assert "n: filename=unix:\r\n" in terminal.run("info chardev")
