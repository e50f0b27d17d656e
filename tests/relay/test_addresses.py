"""Every form of address, on both sides of a relay.

Modules: relay.
"""

import os
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from qmpeer.chardev import Chardev, Chardevs, Host, TlsCredentials, parse_chardev
from qmpeer.relay import Relay
from qmpeer.transport import UnixAddress, listen
from qmpeer.transport.aio import Stream, StreamHandler, open_stream
from qmpeer.transport.filters import x509_context
from tests.patience import PATIENCE
from tests.relay.ends import until
from tests.transport.filters.certificates import Authority
from tests.transport.recorder import Recorder

TEXT = b"".join(b'{"execute": "query-%d"}\n' % number for number in range(2000))
"""Bytes that WebSocket's text and telnet pass on as well."""


class Echo:
    """A server's handler that sends everything back, and closes at the end of input."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def data_received(self, data: bytes, fds: Sequence[int]) -> None:
        self._stream.write(data)

    def eof_received(self) -> None:
        self._stream.close()

    def pause_writing(self) -> None:
        self._stream.pause_reading()

    def resume_writing(self) -> None:
        self._stream.resume_reading()

    def connection_lost(self, error: OSError | None) -> None:
        pass


class Site:
    """A folder, certificates, and the devices of servers and clients."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.folder = folder
        self.certificates = certificates
        context = x509_context(certificates / "server", server_side=True)
        self.host = Host(credentials={"tls": TlsCredentials(context, True, True)})
        self.devices = Chardevs(self.host)

    async def device(self, label: str, options: str) -> Chardev:
        text = f"socket,id={label},{options},server=on,wait=off"
        return await self.devices.add_described(parse_chardev(text))

    def options(self, kind: str, name: str) -> str:
        """Return the options of a device for one kind of address."""
        tcp = "host=127.0.0.1,port=0"
        return {
            "unix": f"path={self.folder}/{name}",
            "abstract": f"path={self.folder}/{name},abstract=on",
            "tcp": tcp,
            "telnet": f"{tcp},telnet=on",
            "ws": f"{tcp},websocket=on",
            "tls": f"{tcp},tls-creds=tls",
            "wss": f"{tcp},tls-creds=tls,websocket=on",
        }[kind]

    def address(self, kind: str, device: Chardev) -> str:
        """Return the address at which a device's peer dials it."""
        address = device.address  # type: ignore[attr-defined]
        if isinstance(address, UnixAddress):
            return str(address)
        query = f"?dir={self.certificates}/client" if kind in ("tls", "wss") else ""
        return {
            "tcp": f"tcp:127.0.0.1:{address.port}",
            "telnet": f"tcp:127.0.0.1:{address.port}",
            "ws": f"ws://127.0.0.1:{address.port}/",
            "wss": f"wss://127.0.0.1:{address.port}/{query}",
            "tls": f"tls:127.0.0.1:{address.port}{query}",
        }[kind]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates of a server and of a client."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority()
    authority.fill(folder / "server", server=authority.issue("server"))
    authority.fill(folder / "client", client=authority.issue("client"))
    return folder


@pytest_asyncio.fixture
async def site(tmp_path: Path, certificates: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path, certificates)
    yield site
    site.devices.close()


async def talk(relay: Relay, address: str | socket.socket, *, telnet: bool = False) -> None:
    """Send and receive a long text as a client of the relay, then leave."""
    stream, handler = await open_stream(address, Recorder, timeout=PATIENCE)
    assert isinstance(handler, Recorder)
    before = len(await handler.until_data(12)) if telnet else 0  # telnet's options
    stream.write(TEXT)
    assert (await handler.until_data(before + len(TEXT)))[before:] == TEXT
    stream.close()
    await handler.until_lost()
    await until(lambda: not relay.links)


KINDS = ["unix", "abstract", "tcp", "ws", "tls", "wss"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_of_each_kind(site: Site, kind: str) -> None:
    server = await site.device("server", site.options(kind, "server"))
    server.attach(Echo)
    async with Relay(site.address(kind, server)) as relay:
        listener = await relay.listen(site.folder / "relay")
        await talk(relay, str(listener.address))


@pytest.mark.parametrize("kind", [*KINDS, "telnet"])
async def test_clients_of_each_kind(site: Site, kind: str) -> None:
    server = await site.device("server", site.options("unix", "server"))
    server.attach(Echo)
    async with Relay(site.address("unix", server)) as relay:
        front = await site.device("front", site.options(kind, "front"))
        relay.attach(front)
        await talk(relay, site.address(kind, front), telnet=kind == "telnet")


async def test_tls_with_a_context(site: Site) -> None:
    server = await site.device("server", site.options("tls", "server"))
    server.attach(Echo)
    address = site.address("tls", server).partition("?")[0]
    context = x509_context(site.certificates / "client", server_side=False)
    async with Relay(address, tls=context) as relay:
        listener = await relay.listen(site.folder / "relay")
        await talk(relay, str(listener.address))


async def test_descriptors_of_sockets_on_both_sides(site: Site) -> None:
    ours, theirs = socket.socketpair()
    await open_stream(theirs, Echo, timeout=PATIENCE)
    async with Relay(f"fd:{os.dup(ours.fileno())}") as relay:
        ours.close()
        listening = listen(site.folder / "relay")
        await relay.listen(f"fd:{os.dup(listening.fileno())}")
        listening.close()
        await talk(relay, f"unix:{site.folder}/relay")


async def test_a_connected_socket_as_the_client(site: Site) -> None:
    server = await site.device("server", site.options("tcp", "server"))
    server.attach(Echo)
    async with Relay(site.address("tcp", server)) as relay:
        ours, theirs = socket.socketpair()
        await relay.connect(ours)
        await talk(relay, theirs)


@pytest.mark.parametrize("kind", ["tcp", "tls", "ws"])
async def test_a_clients_half_close_where_the_server_can_not_be_told(site: Site, kind: str) -> None:
    handlers: list[Recorder] = []

    def serve(stream: Stream) -> StreamHandler:
        handlers.append(Recorder(stream))
        return handlers[-1]

    server = await site.device("server", site.options(kind, "server"))
    server.attach(serve)
    async with Relay(site.address(kind, server)) as relay:
        listener = await relay.listen(site.folder / "relay")
        stream, client = await open_stream(listener.address, Recorder, timeout=PATIENCE)
        assert isinstance(client, Recorder)
        stream.write(b"request")
        stream.write_eof()
        await until(lambda: bool(handlers and handlers[0].data))
        (handler,) = handlers
        (link,) = relay._links
        await until(lambda: link._first is not None)  # the relay has seen the half-close
        handler.stream.write(b"answer")
        await client.until_data(6)
        if kind == "tcp":
            await handler.until(lambda: handler.has_eof)
            handler.stream.close()
        else:
            link._check_silence()  # the server was not silent
            assert not link.has_left
            link._check_silence()
        await client.until(lambda: client.has_eof)
        assert client.data == b"answer"
        stream.close()
        await handler.until(lambda: handler.has_eof)
        handler.stream.close()
        await until(lambda: not relay.links)


@pytest.mark.parametrize("kind", ["tls", "ws"])
async def test_a_servers_half_close_where_the_client_can_not_be_told(site: Site, kind: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        async with Relay(ours) as relay:
            front = await site.device("front", site.options(kind, "front"))
            relay.attach(front)
            _, client = await open_stream(site.address(kind, front), Recorder, timeout=PATIENCE)
            assert isinstance(client, Recorder)
            theirs.send(b"greeting")
            theirs.shutdown(socket.SHUT_WR)
            await client.until(lambda: client.has_eof)
            assert client.data == b"greeting"
            client.stream.close()
            await until(lambda: not relay.links)
