"""The socket device: its addresses, its clients, and dialling."""

import asyncio
import os
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.chardev import (
    Chardevs,
    Host,
    TlsCredentials,
    parse_chardev,
    parse_device,
)
from qmpeer.chardev.socket_device import SocketDevice
from qmpeer.errors import ChardevError
from qmpeer.transport import TcpAddress
from qmpeer.transport.aio import Stream
from qmpeer.values import JsonObject
from tests.chardev.program import FrontEnd, Program
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin


def dial(address: str | tuple[str, int]) -> socket.socket:
    """Connect to a listening socket, with a time limit."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    sock = socket.socket(family)
    sock.settimeout(PATIENCE)
    sock.connect(address)
    return sock


def where(device: object) -> tuple[str, int]:
    """Return the host and port of a device that listens on TCP."""
    assert isinstance(device, SocketDevice)
    address = device.address
    assert isinstance(address, TcpAddress)
    return address.host, address.port


async def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := await asyncio.to_thread(sock.recv, size)):
        data += more
    return data


# Servers.


async def test_one_client_at_a_time(own: Program, tmp_path: Path) -> None:
    front = FrontEnd(b"greeting")
    path = str(tmp_path / "s")
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off", front)
    assert device.filename == f"disconnected:unix:{path},server=on"
    with dial(path) as first, dial(path) as second:
        first_handler = await front.connected()
        assert device.filename == f"unix:{path},server=on"
        second.send(b"early")
        await spin()
        assert len(front.handlers) == 1  # it waits, silently
        first.close()
        handler = await front.connected(2)
        assert first_handler.is_lost
        assert await handler.until_data(5) == b"early"
        assert await read(second, 8) == b"greeting"
    await handler.until_lost()
    assert device.filename == f"disconnected:unix:{path},server=on"


async def test_client_before_there_is_a_front_end(own: Program, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off")
    with dial(path) as client:
        client.send(b"early")
        await own.until(lambda: device.is_connected)
        front = FrontEnd(b"greeting")
        device.attach(front)
        assert await front.last.until_data(5) == b"early"
        assert await read(client, 8) == b"greeting"


class Reluctant(Recorder):
    """A front end's handler that reads nothing until it is told to."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        stream.pause_reading()


async def test_front_end_that_pauses_at_once(own: Program, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off")
    handlers: list[Reluctant] = []

    def make(stream: Stream) -> Reluctant:
        handlers.append(Reluctant(stream))
        return handlers[-1]

    with dial(path) as client:
        client.send(b"early")
        await own.until(lambda: device.is_connected)
        device.attach(make)
        await spin()
        (handler,) = handlers
        assert handler.data == b""
        handler.stream.resume_reading()
        assert await handler.until_data(5) == b"early"


async def test_one_front_end_after_another(own: Program, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off")
    first, second = FrontEnd(b"first"), FrontEnd(b"second")
    device.attach(first)
    with dial(path) as client:
        assert await read(client, 5) == b"first"
        device.detach(first)
        assert (device.frontend_open, device.is_busy, device.is_connected) == (False, False, True)
        client.send(b"early")
        device.attach(second)
        assert await second.last.until_data(5) == b"early"
        assert await read(client, 6) == b"second"
        device.detach(second)
    await own.until(lambda: not device.is_connected)
    assert first.last.data == b""
    assert not any(front.last.is_lost for front in (first, second))


async def test_only_the_front_end_itself_is_detached(own: Program) -> None:
    device = await own.add("null,id=a", FrontEnd())
    with pytest.raises(ValueError, match="isn't attached"):
        device.detach(FrontEnd())


@pytest.mark.parametrize("options", ["", ",logfile=/dev/null"])
async def test_client_leaves_before_there_is_a_front_end(
    own: Program, tmp_path: Path, options: str
) -> None:
    path = str(tmp_path / "s")
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off{options}")
    for last in (b"", b"unread", b""):
        with dial(path) as client:
            await own.until(lambda: device.is_connected)
            if last:
                client.send(last)
            client.shutdown(socket.SHUT_WR)  # it may still want to read
            await spin()
            assert device.is_connected
        await own.until(lambda: not device.is_connected)
        assert device.filename == f"disconnected:unix:{path},server=on"
    with dial(path) as client:
        client.send(b"early")
        await own.until(lambda: device.is_connected)
        front = FrontEnd(b"greeting")
        device.attach(front)
        assert await front.last.until_data(5) == b"early"
        assert await read(client, 8) == b"greeting"


async def test_client_leaves_a_mux_without_front_ends(own: Program, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    mux = await own.add(f"socket,id=a,path={path},server=on,wait=off,mux=on")
    for _ in range(3):
        with dial(path):
            await own.until(lambda: mux.is_connected)
        await own.until(lambda: not mux.is_connected)
    front = FrontEnd(b"greeting")
    mux.attach(front)
    with dial(path) as client:
        assert await read(client, 8) == b"greeting"


async def test_who_is_cut_off_counts_no_more(own: Program, tmp_path: Path) -> None:
    front = FrontEnd()
    path = f"{tmp_path}/s"
    device = await own.add(f"socket,id=a,path={path},server=on,wait=off", front)
    with dial(path):
        handler = await front.connected()
        device.yank()
        assert not handler.is_lost  # it is to be told soon
        assert device.filename == f"disconnected:unix:{path},server=on"
        await handler.until_lost()


async def test_half_close_is_told(own: Program, tmp_path: Path) -> None:
    front = FrontEnd(stays=True)
    await own.add(f"socket,id=a,path={tmp_path}/s,server=on,wait=off", front)
    with dial(f"{tmp_path}/s") as client:
        client.send(b"last")
        client.shutdown(socket.SHUT_WR)
        handler = await front.connected()
        await handler.until(lambda: handler.has_eof)
        assert handler.data == b"last"
        handler.stream.write(b"answer")
        assert await read(client, 6) == b"answer"


async def test_wait(own: Program, tmp_path: Path) -> None:
    device = await own.add(f"socket,id=a,path={tmp_path}/s,server=on", FrontEnd())
    assert device.waits_for_client
    with dial(f"{tmp_path}/s"):
        async with asyncio.timeout(PATIENCE):
            await device.wait_for_client()
        assert not device.waits_for_client
    other = await own.add(f"socket,id=b,path={tmp_path}/t,server=on")
    waiting = asyncio.create_task(other.wait_for_client())
    await spin()
    assert not waiting.done()
    other.close()
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_mode(own: Program, tmp_path: Path) -> None:
    await own.add(f"socket,id=a,path={tmp_path}/s,server=on,wait=off")
    assert stat.S_IMODE(os.stat(tmp_path / "s").st_mode) == 0o600
    own.host.socket_mode = 0o660
    await own.add(f"socket,id=b,path={tmp_path}/t,server=on,wait=off")
    assert stat.S_IMODE(os.stat(tmp_path / "t").st_mode) == 0o660


async def test_only_a_dead_socket_is_removed(own: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ChardevError, match=r"there is a file here that is not a socket$"):
        await own.add(f"socket,id=a,path={tmp_path}/file,server=on,wait=off")
    assert (tmp_path / "file").read_text() == "precious"
    await own.add(f"socket,id=b,path={tmp_path}/s,server=on,wait=off")
    with pytest.raises(ChardevError, match=r"somebody is listening here$"):
        await own.add(f"socket,id=c,path={tmp_path}/s,server=on,wait=off")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/dead")
    device = await own.add(f"socket,id=d,path={tmp_path}/dead,server=on,wait=off")
    device.close()
    assert not (tmp_path / "dead").exists()


async def test_empty_path(own: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    device = await own.add("socket,id=a,path=,server=on,wait=off")
    [path] = tmp_path.iterdir()
    assert path.name.startswith("qemu-socket-")
    assert device.filename == f"disconnected:unix:{path},server=on"


async def test_abstract(own: Program) -> None:
    name = f"qmpeer-{os.getpid()}-{id(own)}"
    front = FrontEnd()
    device = await own.add(f"socket,id=a,path={name},abstract=on,server=on,wait=off", front)
    assert device.filename == f"disconnected:unix:{name},abstract=on,tight=on,server=on"
    with dial(f"\0{name}"):
        await front.connected()
        assert device.filename == "unix:,server=on"
    client = FrontEnd()
    await own.add(f"socket,id=b,path={name},abstract=on", client)
    await client.connected()
    assert own.devices.required("b").filename == "unix:"
    padded = await own.add(
        f"socket,id=c,path={name},abstract=on,tight=off,server=on,wait=off", FrontEnd()
    )
    assert padded.filename == f"disconnected:unix:{name},abstract=on,server=on"
    dial(f"\0{name}".ljust(108, "\0")).close()


async def test_tcp(own: Program) -> None:
    front = FrontEnd()
    device = await own.add("socket,id=a,host=127.0.0.1,port=0,server=on,wait=off", front)
    host, port = where(device)
    assert device.filename == f"disconnected:tcp:127.0.0.1:{port},server=on"
    with dial((host, port)) as client:
        await front.connected()
        other = client.getsockname()[1]
        assert device.filename == f"tcp:127.0.0.1:{port},server=on <-> 127.0.0.1:{other}"


async def test_port_is_found(own: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        last = min(port + 50, 65535)
        if last == port:
            pytest.skip("the highest port")
        text = f"tcp:127.0.0.1:{port},to={last},server=on,wait=off"
        device = await own.devices.add_described(parse_device(text, "a"))
        assert port < where(device)[1] <= last
        with pytest.raises(
            ChardevError, match=r"^Failed to find an available port: Address already in use$"
        ):
            await own.add(f"socket,id=b,host=127.0.0.1,port={port},server=on,wait=off")


@pytest.mark.ipv6
async def test_brackets(own: Program) -> None:
    device = await own.devices.add_described(parse_device("tcp:[::1]:0,server=on,wait=off", "a"))
    assert where(device)[0] == "::1"


async def test_many_clients_may_connect_at_the_same_time(tmp_path: Path) -> None:
    own = Program(serves_many=True)
    await own.add(f"socket,id=a,path={tmp_path}/s,server=on,wait=off", FrontEnd(b"greeting"))
    clients = [socket.socket(socket.AF_UNIX) for _ in range(50)]
    for client in clients:
        client.setblocking(False)
        client.connect(f"{tmp_path}/s")  # the loop accepts nobody meanwhile
    for client in clients:
        client.settimeout(PATIENCE)
        assert await read(client, 8) == b"greeting"
        client.close()
    own.devices.close()


@pytest.mark.parametrize("options", ["", ",ipv4=on", ",telnet=on", ",websocket=on"])
async def test_open_to_the_network(devices: Chardevs, options: str) -> None:
    text = f"socket,id=a,host=,port=0,server=on,wait=off{options}"
    with pytest.raises(ChardevError, match=r"can be reached from other machines"):
        await devices.add_described(parse_chardev(text))
    assert "a" not in devices
    insecure = Chardevs(Host(is_insecure=True))
    await insecure.add_described(parse_chardev(text))
    insecure.close()


async def test_telnet(own: Program) -> None:
    front = FrontEnd(b"greeting")
    device = await own.add("socket,id=a,host=127.0.0.1,port=0,server=on,wait=off,telnet=on", front)
    assert device.filename.startswith("disconnected:telnet:127.0.0.1:")
    offer = b"\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"
    with dial(where(device)) as client:
        assert await read(client, len(offer) + 8) == offer + b"greeting"
        client.send(b"\xff\xfa\x18\x00vt100\xff\xf0hel\xff\xfd\x01lo\xff\xff")
        handler = await front.connected()
        assert await handler.until_data(6) == b"hello\xff"


# Clients.


async def test_telnet_is_not_spoken_by_who_dials(own: Program) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        front = FrontEnd(b"greeting")
        port = server.getsockname()[1]
        await own.add(f"socket,id=a,host=127.0.0.1,port={port},telnet=on", front)
        end, _ = server.accept()
        with end:
            assert await read(end, 8) == b"greeting"
            end.send(b"\xff\xfd\x01")
            assert await front.last.until_data(3) == b"\xff\xfd\x01"


async def test_dial(own: Program, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/s")
        server.listen()
        front = FrontEnd(b"greeting")
        device = await own.add(f"socket,id=a,path={tmp_path}/s", front)
        assert device.filename == "unix:"
        end, _ = server.accept()
        with end:
            assert await read(end, 8) == b"greeting"
        await front.last.until_lost()
        await own.until(lambda: not device.is_connected)
        assert device.filename == f"disconnected:unix:{tmp_path}/s"
    with pytest.raises(ChardevError, match=f"^Failed to connect to '{tmp_path}/s': "):
        await own.add(f"socket,id=b,path={tmp_path}/s")
    assert "b" not in own.devices


async def test_dial_tcp(own: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        device = await own.add(f"socket,id=a,host=127.0.0.1,port={port}", FrontEnd())
        end, other = server.accept()
        with end:
            assert device.filename == f"tcp:127.0.0.1:{other[1]} <-> 127.0.0.1:{port}"
    with pytest.raises(
        ChardevError, match=f"^Failed to connect to '127.0.0.1:{port}': Connection refused$"
    ):
        await own.add(f"socket,id=b,host=127.0.0.1,port={port}")


async def test_names_that_nobody_resolves(own: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(limits, "CONNECT_TIMEOUT", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: is_over.wait(PATIENCE) and [])
    try:
        with pytest.raises(ChardevError) as caught:
            await own.add("socket,id=a,host=nobody,port=1")
    finally:
        is_over.set()
    assert str(caught.value) == ("address resolution failed for nobody:1: no answer within 0.01 s")


async def test_reconnect(own: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def pass_quickly(delay: float) -> None:
        slept.append(delay)
        await sleep(0)

    monkeypatch.setattr("qmpeer.chardev.socket_device.asyncio.sleep", pass_quickly)
    front = FrontEnd(b"greeting")
    device = await own.add(f"socket,id=a,path={tmp_path}/s,reconnect=7", front)
    assert device.filename == f"disconnected:unix:{tmp_path}/s"
    async with asyncio.timeout(PATIENCE):
        while len(slept) < 3:
            await sleep(0)
    why = f"Failed to connect to '{tmp_path}/s': No such file or directory"
    assert own.reported == [f"Unable to connect character device a: {why}"]
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/s")
        server.listen()
        for times in (1, 2):
            await front.connected(times)
            end, _ = server.accept()
            with end:
                assert await read(end, 8) == b"greeting"
    assert set(slept) == {7}
    assert len(own.reported) == 1


async def test_late_comers_are_dialled_no_more(own: Program, tmp_path: Path) -> None:
    device = await own.add(f"socket,id=a,path={tmp_path}/s,reconnect=1")
    own.devices.remove("a")
    await spin()
    assert not device.is_connected


# Descriptors.


async def test_descriptor_of_a_client(own: Program) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        front = FrontEnd(b"greeting")
        device = await own.add(f"socket,id=a,fd={ours.detach()}", front)
        assert device.filename == "unix:"
        assert await read(theirs, 8) == b"greeting"


async def test_descriptor_of_a_listener(own: Program, tmp_path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{tmp_path}/s")  # it need not listen yet
    front = FrontEnd(b"greeting")
    device = await own.add(f"socket,id=a,fd={server.detach()},server=on,wait=off", front)
    assert device.filename == f"disconnected:unix:{tmp_path}/s,server=on"
    with dial(f"{tmp_path}/s") as client:
        assert await read(client, 8) == b"greeting"
    device.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("rest", "shown"),
    [(b"", ",abstract=on,tight=on"), (b"\0more", ",abstract=on,tight=on"), (None, ",abstract=on")],
    ids=["plain", "nul", "padded"],
)
async def test_descriptor_of_an_abstract_listener(
    own: Program, rest: bytes | None, shown: str
) -> None:
    name = f"qmpeer-fd-{os.getpid()}-{id(own)}"
    server = socket.socket(socket.AF_UNIX)
    bound = b"\0" + name.encode()
    server.bind(bound.ljust(108, b"\0") if rest is None else bound + rest)
    device = await own.add(f"socket,id=a,fd={server.detach()},server=on,wait=off")
    assert device.filename == f"disconnected:unix:{name}{shown},server=on"


async def test_named_descriptor(own: Program) -> None:
    ours, theirs = socket.socketpair()
    fds = {"mine": ours.detach()}
    backend: JsonObject = {
        "type": "socket",
        "data": {"addr": {"type": "fd", "data": {"str": "mine"}}, "server": False},
    }
    with theirs:
        assert await own.devices.add("a", backend, lambda name: fds.pop(name, None)) == {}
        assert not fds
        with pytest.raises(
            ChardevError, match=r"^Failed to add chardev 'b': File descriptor named 'mine' has not"
        ):
            await own.devices.add("b", backend, lambda name: fds.pop(name, None))


async def test_datagram_descriptor(own: Program) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        with pytest.raises(ChardevError, match=r"expected a stream$"):
            await own.add(f"socket,id=a,fd={sock.fileno()}")
        assert sock.fileno() >= 0


# Yanking and closing.


async def test_yank(own: Program, tmp_path: Path) -> None:
    front = FrontEnd()
    device = await own.add(f"socket,id=a,path={tmp_path}/s,server=on,wait=off", front)
    assert own.devices.yankable() == ["a"]
    with dial(f"{tmp_path}/s") as client:
        await front.connected()
        device.yank()
        assert await read(client, 1) == b""


async def test_who_is_served_stays_when_it_closes(own: Program, tmp_path: Path) -> None:
    front = FrontEnd()
    device = await own.add(f"socket,id=a,path={tmp_path}/s,server=on,wait=off", front)
    with dial(f"{tmp_path}/s") as client:
        handler = await front.connected()
        device.close()
        assert not (tmp_path / "s").exists()
        handler.stream.write(b"goodbye")
        assert await read(client, 7) == b"goodbye"


async def test_failed_handshake_is_dialled_again(
    own: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr("qmpeer.chardev.socket_device.asyncio.sleep", lambda delay: sleep(0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.host.credentials = {"t": TlsCredentials(context, False, False)}
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        port = server.getsockname()[1]
        front = FrontEnd()
        await own.add(f"socket,id=a,host=127.0.0.1,port={port},tls-creds=t,reconnect=1", front)
        for _ in range(3):
            end, _ = await asyncio.to_thread(server.accept)
            with end:
                assert (await read(end, 1))[:1] == b"\x16"  # a TLS handshake, and nothing before
        assert not front.handlers


@pytest.mark.parametrize(
    ("is_for_server", "options", "reason"),
    [
        (True, "", "Expected TLS credentials for a client endpoint"),
        (False, ",server=on,wait=off", "Expected TLS credentials for a server endpoint"),
        (False, ",websocket=on", "Websocket client is not implemented"),
        (False, ",wait=on", "'wait' option is incompatible with socket in client connect mode"),
    ],
)
async def test_wrong_credentials(
    own: Program, is_for_server: bool, options: str, reason: str
) -> None:
    kind = ssl.PROTOCOL_TLS_SERVER if is_for_server else ssl.PROTOCOL_TLS_CLIENT
    own.host.credentials = {"t": TlsCredentials(ssl.SSLContext(kind), is_for_server, True)}
    with pytest.raises(ChardevError, match=f"^{reason}$"):
        await own.add(f"socket,id=a,host=127.0.0.1,port=1,tls-creds=t{options}")


@pytest.mark.parametrize(
    ("address", "options", "reason"),
    [
        ("path=x", "", "'tls_creds' option is incompatible with 'unix' address type"),
        ("fd=0", "", "'tls_creds' option is incompatible with 'fd' address type as client"),
        ("fd=0", ",reconnect=0", "'reconnect' option is incompatible with 'fd' address type"),
    ],
)
async def test_tls_where_there_is_none(
    own: Program, address: str, options: str, reason: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    own.host.credentials = {"t": TlsCredentials(context, False, True)}
    with pytest.raises(ChardevError, match=f"^{reason}$"):
        await own.add(f"socket,id=a,{address},tls-creds=t{options}")


async def test_another_object_is_no_credentials(own: Program) -> None:
    own.host.is_object = lambda id: id == "t"
    with pytest.raises(ChardevError, match=r"^Object with id 't' is not TLS credentials$"):
        await own.add("socket,id=a,host=127.0.0.1,port=1,tls-creds=t")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
async def test_handshakes_have_a_deadline_where_the_network_is(
    own: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily
) -> None:
    server = socket.socket(family)
    server.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "s"))
    deadlines: list[float | None] = []

    def filtered(factory: object, filters: object, *, timeout: float | None, **_: object) -> object:
        deadlines.append(timeout)
        return factory

    monkeypatch.setattr("qmpeer.chardev.socket_filters.filtered", filtered)
    await own.add(f"socket,id=a,fd={server.detach()},server=on,wait=off,websocket=on")
    assert deadlines == [limits.HANDSHAKE_TIMEOUT if family == socket.AF_INET else None]


async def test_clients_with_certificates_may_come_from_anywhere(own: Program) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    text = "socket,id=a,host=0.0.0.0,port=0,server=on,wait=off,tls-creds=t"
    own.host.credentials = {"t": TlsCredentials(context, True, False)}
    with pytest.raises(ChardevError, match=r"can be reached from other machines"):
        await own.add(text)
    own.host.credentials = {"t": TlsCredentials(context, True, True)}
    await own.add(text)
