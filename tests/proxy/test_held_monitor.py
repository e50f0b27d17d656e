"""The start of a proxy before a server that doesn't greet: who holds it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from qmpeer.proxy import Proxy, held_monitor
from qmpeer.proxy.held_monitor import start_beside_others
from qmpeer.transport.unix_users import Process, Users
from tests.proxy.proxied import Proxied

HELD = Users(Process(7, "qemu"), (Process(8, "virsh"),), 0)


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A server that is full and silent."""
    return tmp_path / "q"


def hold(monkeypatch: pytest.MonkeyPatch, users: Users) -> None:
    monkeypatch.setattr(held_monitor, "find_users", lambda path: users)


async def test_a_server_that_greets(proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, HELD)
    listener = await proxied.machine.listen(f"unix:{proxied.folder}/server", many=True)
    proxied.proxy = Proxy(listener.address)
    said: list[str] = []
    await start_beside_others(proxied.proxy.start(), lambda: "/q", said.append)
    assert said == []


async def test_a_held_server(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, HELD)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen(4)
        start = Proxy(str(silent)).start
        with pytest.raises(TimeoutError, match=r"doesn't greet: pid 8 \(virsh\) holds it$"):
            await start_beside_others(start(), lambda: str(silent), None, silence=0.01)


async def test_a_notice_and_then_the_error(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, HELD)
    said: list[str] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen(4)
        start = Proxy(str(silent), timeout=0.2).start()
        with pytest.raises(
            TimeoutError, match=r"^it didn't greet in time: pid 8 \(virsh\) holds it$"
        ):
            await start_beside_others(start, lambda: str(silent), said.append, silence=0.01)
    assert said == [
        f"{silent} accepts the connection but doesn't greet yet: pid 8 (virsh) holds it"
    ]


async def test_a_server_that_nobody_holds(silent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be starting: the wait goes on, and the error says what is known."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen(4)
        start = Proxy(str(silent), timeout=0.2).start()
        with pytest.raises(TimeoutError, match=rf"its server, pid {os.getpid()} .* or hangs$"):
            await start_beside_others(start, lambda: str(silent), None, silence=0.01)


async def test_nobody_is_there(tmp_path: Path) -> None:
    start = Proxy(str(tmp_path / "q"), timeout=0.1, wait_for_socket=True).start()
    with pytest.raises(TimeoutError, match=r"No such file or directory$"):
        await start_beside_others(start, lambda: str(tmp_path / "q"), None, silence=0.01)


async def test_nobody_listens_at_the_socket(silent: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        start = Proxy(str(silent), timeout=0.1, wait_for_socket=True).start()
        with pytest.raises(TimeoutError, match=r"it is not there: Connection refused$"):
            await start_beside_others(start, lambda: str(silent), None, silence=0.01)


async def test_it_can_be_cancelled(silent: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(silent))
        server.listen(4)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await start_beside_others(
                    Proxy(str(silent)).start(), lambda: str(silent), None, silence=9
                )
        server.accept()[0].close()
