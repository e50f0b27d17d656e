"""Address schemes of other packages: both clients connect to them, monitors listen at them."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from qmpeer import AsyncClient, Monitor
from qmpeer.transport import Address, dial, listen, parse_address, register_scheme, schemes
from qmpeer.transport.sockets import Endpoint
from tests.client.faces import Face
from tests.patience import PATIENCE


class LabAddress(Address, frozen=True):
    """An address scheme "lab:NUMBER" for a unix socket in a folder."""

    scheme: ClassVar[str] = "lab"
    form: ClassVar[str] = "lab:N"
    folder: ClassVar[Path]

    number: int

    @classmethod
    def parse(cls, text: str) -> "LabAddress":
        return cls(int(text))

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        return [Endpoint(socket.AF_UNIX, f"{self.folder}/{self.number}")]

    def __str__(self) -> str:
        return f"lab:{self.number}"


class TunnelAddress(LabAddress, frozen=True):
    """A similar address that makes its connection itself, which may take long."""

    scheme: ClassVar[str] = "tunnel"

    @property
    def may_block(self) -> bool:
        return True

    def open_socket(self, timeout: float | None, *, to_listen: bool = False) -> socket.socket:
        path = f"{self.folder}/{self.number}"
        return listen(path) if to_listen else dial(path, timeout=timeout)

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        raise AssertionError("found a call for endpoints, expected none")

    def __str__(self) -> str:
        return f"tunnel:{self.number}"


@pytest.fixture(params=[LabAddress, TunnelAddress])
def scheme(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setattr(schemes, "_SCHEMES", {**schemes._SCHEMES})
    monkeypatch.setattr(LabAddress, "folder", tmp_path, raising=False)
    register_scheme(request.param)
    return request.param.scheme  # type: ignore[no-any-return]


def test_clients_dial_it_and_monitors_listen_at_it(face: Face, scheme: str) -> None:
    monitor = Monitor(name="laboratory")
    monitor.start(f"{scheme}:7")
    try:
        with face.connect(f"{scheme}:7", timeout=PATIENCE) as vm:
            assert vm.execute("query-version")["package"] is not None
        with face.connect(parse_address(f"{scheme}:7"), timeout=PATIENCE) as vm:
            assert vm.execute("query-version")
    finally:
        monitor.stop()


def test_errors_name_it(face: Face, scheme: str) -> None:
    with pytest.raises(FileNotFoundError) as found:
        face.connect(f"{scheme}:8", timeout=PATIENCE)
    assert "8" in str(found.value)


async def test_a_socket_that_comes_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    go_on = threading.Event()

    def late(*args: object, **options: object) -> socket.socket:
        go_on.wait(PATIENCE)
        return theirs

    monkeypatch.setattr(TunnelAddress, "open_socket", late)
    with ours:
        with pytest.raises(TimeoutError):
            await AsyncClient.connect(TunnelAddress(1), timeout=0.01)
        go_on.set()
        ours.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(ours, 1) == b""
    assert theirs.fileno() == -1
