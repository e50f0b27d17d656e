"""Descriptors that several clients pass to one real QEMU."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer import AsyncClient
from qmpeer.proxy import Proxy
from qmpeer.values import JsonObject
from tests.proxy.proxied import error_of, until
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real


class Site:
    """A QEMU, a proxy in front of it, and its clients."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.process = process
        self.proxy = Proxy(f"unix:{folder}/qemu", wait_for_socket=True)

    async def client(self) -> AsyncClient:
        return await AsyncClient.connect(f"unix:{self.folder}/proxy")

    async def leave(self, client: AsyncClient) -> None:
        before = self.proxy.clients
        await client.close()
        await until(lambda: self.proxy.clients < before)

    def open_files(self) -> list[str]:
        """Return what QEMU has open."""
        found: list[str] = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.append(os.readlink(link))
        return found

    def file(self, name: str) -> int:
        """Return the descriptor of a file of 1 MiB."""
        fd = os.open(self.folder / name, os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, 1 << 20)
        return fd

    def has_open(self, name: str) -> bool:
        return str(self.folder / name) in self.open_files()

    def numbered(self) -> int:
        """Return how many numbered files QEMU has open."""
        return sum(f"{self.folder}/file-" in each for each in self.open_files())


@pytest_asyncio.fixture
async def site(tmp_path: Path, program: Callable[[str], str]) -> AsyncIterator[Site]:
    argv = [program(QEMU), *BASE, "-qmp", f"unix:{tmp_path}/qemu,server=on,wait=off"]
    process = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
    made = Site(tmp_path, process)
    try:
        await made.proxy.start()
        await made.proxy.listen(f"unix:{tmp_path}/proxy")
        yield made
    finally:
        made.proxy.close()
        await made.proxy.wait_closed()
        process.kill()
        await process.wait()


async def pass_fd(client: AsyncClient, name: str, fd: int) -> None:
    """Pass a descriptor by a name, and close ours."""
    try:
        await client.execute("getfd", {"fdname": name}, fds=[fd])
    finally:
        os.close(fd)


async def test_names(site: Site) -> None:
    one, two = await site.client(), await site.client()
    await pass_fd(one, "mine", site.file("one"))
    await pass_fd(two, "yours", site.file("two"))
    fd = site.file("three")
    for command in ("getfd", "closefd"):
        error = await error_of(two.execute(command, {"fdname": "mine"}, fds=[fd]))
        assert error.desc == "File descriptor named 'mine' belongs to another client of the proxy"
    os.close(fd)
    assert site.has_open("one")
    await site.leave(one)
    await until(lambda: not site.has_open("one"))
    assert site.has_open("two")
    error = await error_of(two.execute("closefd", {"fdname": "mine"}))
    assert error.desc == "File descriptor named 'mine' not found"
    await pass_fd(two, "mine", site.file("three"))
    await two.execute("closefd", {"fdname": "mine"})
    assert not site.has_open("three")
    await two.close()


async def test_a_descriptor_that_qemu_uses_outlives_its_client(site: Site) -> None:
    one, two = await site.client(), await site.client()
    ours, theirs = socket.socketpair()
    await pass_fd(one, "chardev", theirs.detach())
    address: JsonObject = {"type": "fd", "data": {"str": "chardev"}}
    backend: JsonObject = {"type": "socket", "data": {"addr": address, "server": False}}
    await one.execute("chardev-add", {"id": "c", "backend": backend})
    await pass_fd(two, "chardev", site.file("two"))  # the name is free again
    await site.leave(one)
    labels = [each["label"] for each in await two.execute("query-chardev")]
    assert "c" in labels
    assert site.has_open("two")
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):  # QEMU's end is open
        ours.recv(1)
    ours.close()
    await two.close()


async def test_sets(site: Site) -> None:
    one, two = await site.client(), await site.client()
    made = []
    for name in ("used", "unused"):
        fd = site.file(name)
        made.append(await one.execute("add-fd", {"opaque": name}, fds=[fd]))
        os.close(fd)
    number = made[0]["fdset-id"]
    disk: JsonObject = {"driver": "file", "filename": f"/dev/fdset/{number}", "node-name": "disk"}
    await one.execute("blockdev-add", disk)
    error = await error_of(two.execute("remove-fd", {"fdset-id": number}))
    assert error.desc == f"File descriptor set {number} belongs to another client of the proxy"
    await site.leave(one)

    async def numbers() -> list[int]:
        return [each["fdset-id"] for each in await two.execute("query-fdsets")]

    await until(lambda: not site.has_open("unused"))
    assert await numbers() == [number]
    # QEMU may open it again.
    again: JsonObject = {**disk, "read-only": True}
    await error_of(two.execute("blockdev-reopen", {"options": [again]}))  # its only fd is writable
    assert site.has_open("used")
    await two.execute("blockdev-del", {"node-name": "disk"})
    await site.leave(await site.client())
    await until(lambda: not site.has_open("used"))
    assert await numbers() == []
    await two.close()


async def test_pipelined_by_many_clients(site: Site) -> None:
    clients = [await site.client() for _ in range(4)]
    replies, fds = [], []
    for n in range(40):
        fds.append(site.file(f"file-{n}"))
        client = clients[n % 4]
        replies.append(client.execute("getfd", {"fdname": f"n{n}"}, fds=fds[-1:]))
        replies.append(client.execute("query-status"))
    await asyncio.gather(*replies)
    for fd in fds:
        os.close(fd)
    assert site.numbered() == 40
    for n in range(0, 40, 4):
        await clients[0].execute("closefd", {"fdname": f"n{n}"})
        assert not site.has_open(f"file-{n}")
    assert site.numbered() == 30
    for client in clients[1:]:
        await site.leave(client)
    await until(lambda: site.numbered() == 0)
    await clients[0].close()
