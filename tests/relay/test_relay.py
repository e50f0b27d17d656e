"""The relay: its servers that are absent, silent or busy, its clients of all kinds, its end."""

import asyncio
import gc
import logging
import os
import select
import socket
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.chardev import Chardevs, Host, parse_chardev
from qmpeer.relay import Relay
from qmpeer.relay.link import Link
from qmpeer.transport import TcpAddress, UnixAddress
from qmpeer.transport.aio import HandlerFactory
from qmpeer.transport.aio.filtered_stream import filtered
from qmpeer.transport.filters import TelnetFilter
from qmpeer.transport.sockets import Endpoint
from tests.patience import PATIENCE
from tests.relay.ends import End, Ends, open_fds, until

pytestmark = pytest.mark.usefixtures("logged")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "qmpeer.relay")


# --- The server ---------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["unix", "tcp"])
async def test_a_server_that_is_not_there(
    ends: Ends, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    ends.server_address = UnixAddress("/nowhere/qmp")
    await ends.relay(client)
    one = await ends.client()
    if client == "tcp":
        with pytest.raises(ConnectionResetError):
            await one.rest()
    else:
        assert await one.rest() == b""
    await until(lambda: not ends.relays[0].links)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"link 1 of {client}:")
    assert caplog.messages[0].endswith(
        ": reset: no connection to unix:/nowhere/qmp: No such file or directory"
    )


async def test_a_server_that_comes_later(ends: Ends, tmp_path: Path) -> None:
    ends.server_address = UnixAddress(str(tmp_path / "server"))
    await ends.relay("unix", wait_for_socket=True)
    one = await ends.client()
    await one.send(b"early")
    await asyncio.sleep(0)
    other = await ends.accept(ends.listen("unix"))
    assert await other.receive(5) == b"early"


async def test_a_server_with_a_full_queue_is_not_waited_for_for_ever(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    ends.listen("unix", backlog=0)
    path = ends.server_address.endpoints()[0].sockaddr
    holder = ends.keep(socket.socket(socket.AF_UNIX))
    holder.connect(path)
    await ends.relay("unix", timeout=0.05)
    one = await ends.client()
    await one.send(b"request")
    with pytest.raises(ConnectionResetError):  # the request was never read
        await one.rest()
    assert caplog.messages[0].endswith(
        "but its queue is full: another client holds it, or the server hangs"
    )


@pytest.mark.parametrize("client", ["unix", "tcp"])
async def test_a_client_that_leaves_while_the_server_is_dialled(ends: Ends, client: str) -> None:
    listening = ends.listen("unix", backlog=0)
    path = ends.server_address.endpoints()[0].sockaddr
    holder = ends.keep(socket.socket(socket.AF_UNIX))
    holder.connect(path)
    await ends.relay(client)
    one = await ends.client()
    await one.send(b"request")
    await until(lambda: ends.relays[0].links == 1)
    one.close()
    await ends.accept(listening)  # the holder
    other = await ends.accept(listening)
    assert await other.rest() == b"request"
    other.close()
    await until(lambda: not ends.relays[0].links)


async def test_a_silent_server_is_named_once(
    ends: Ends, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_SILENCE", 0.01)
    one, other = await ends.pair("unix", "unix")
    await until(lambda: bool(caplog.messages))
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    (message,) = caplog.messages
    assert message.startswith(f"link 1 of {ends.relay_address}: {ends.server_address} is connected")
    assert message.endswith(" but has sent nothing for 0.01 s; it may serve another client")


async def test_a_connected_socket_serves_one_client(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = socket.socketpair()
    ends.keep(theirs)
    ends.server_address = ours  # type: ignore[assignment]
    await ends.relay("unix")
    one = await ends.client()
    other = End(theirs)
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    two = await ends.client()
    assert await two.rest() == b""
    assert caplog.messages[0].endswith("its connection served an earlier client")
    await one.send(b"request")
    assert await other.receive(7) == b"request"


async def test_an_address_of_another_package_that_fails(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(TcpAddress, frozen=True):
        def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
            raise ZeroDivisionError

    ends.server_address = Broken("broken", 1)
    await ends.relay("unix")
    assert await (await ends.client()).rest() == b""
    assert caplog.messages[0].endswith(": reset: no connection to tcp:broken:1: ZeroDivisionError")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"server": "4444"}, "expected localhost:4444"),
        ({"server": "unix:x", "max_links": 0}, "found max_links=0, expected 1 or more"),
    ],
)
def test_mistakes(options: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Relay(**options)  # type: ignore[arg-type]


async def test_a_mistake_that_shows_when_the_server_is_dialled(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    ends.server_address = TcpAddress("127.0.0.1", 1)
    await ends.relay("unix", tls=object())
    assert await (await ends.client()).rest() == b""
    assert "no connection to tcp:127.0.0.1:1" in caplog.messages[0]


# --- The clients --------------------------------------------------------------------------------


async def test_clients_are_independent(ends: Ends) -> None:
    listening = ends.listen("unix")
    await ends.relay("unix")
    pairs = [(await ends.client(), await ends.accept(listening)) for _ in range(3)]
    for number, (one, other) in enumerate(pairs):
        await one.send(b"%d" % number)
        assert await other.receive(1) == b"%d" % number
    pairs[1][0].reset()
    assert await pairs[1][1].rest() == b""
    await pairs[2][1].send(b"answer")
    assert await pairs[2][0].receive(6) == b"answer"


async def test_too_many_clients_are_turned_away(
    ends: Ends, caplog: pytest.LogCaptureFixture
) -> None:
    listening = ends.listen("unix")
    relay = await ends.relay("unix", max_links=2)
    pairs = [(await ends.client(), await ends.accept(listening)) for _ in range(2)]
    for _ in range(3):
        ours, theirs = socket.socketpair()
        with theirs:
            await relay.connect(ours)
            assert await End(theirs).rest() == b""
    assert relay.links == 2
    said = [text for name, _, text in caplog.record_tuples if name == "qmpeer.relay"]
    assert len(said) == 1
    assert said[0].endswith("is turned away, as are others: the relay has 2 clients")
    for one, other in pairs:
        one.close()
        assert await other.rest() == b""
    await until(lambda: not relay.links)
    one, other = await ends.client(), await ends.accept(listening)
    await one.send(b"request")
    assert await other.receive(7) == b"request"


async def test_one_at_a_time(ends: Ends, tmp_path: Path) -> None:
    listening = ends.listen("unix")
    relay = await ends.relay("tcp")
    listener = await relay.listen(tmp_path / "single", many=False)
    ends.relay_address = listener.address
    one, other = await ends.client(), await ends.accept(listening)
    two = await ends.client()
    await two.send(b"waits")
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    assert relay.links == 1
    one.close()
    assert await other.rest() == b""
    other = await ends.accept(listening)
    assert await other.receive(5) == b"waits"


async def test_a_device_that_dials_its_client(ends: Ends, tmp_path: Path) -> None:
    listening = ends.listen("tcp")
    relay = await ends.relay("tcp")
    path = tmp_path / "client"
    listener = ends.keep(socket.socket(socket.AF_UNIX))
    listener.bind(str(path))
    listener.listen()
    listener.setblocking(False)
    devices = Chardevs(Host())
    device = await devices.add_described(parse_chardev(f"socket,id=c,path={path},reconnect=1"))
    relay.attach(device)
    one = await ends.accept(listener)
    other = await ends.accept(listening)
    await other.send(b"greeting")
    assert await one.receive(8) == b"greeting"
    await one.send(b"request")
    assert await other.receive(7) == b"request"
    devices.close()


async def test_standard_input_and_output(ends: Ends) -> None:
    (stdin, feed), (take, stdout) = os.pipe(), os.pipe()
    listening = ends.listen("unix")
    relay = await ends.relay("tcp")
    devices = Chardevs(Host(standard=(stdin, stdout)))
    relay.attach(await devices.add_described(parse_chardev("stdio,id=s")))
    other = await ends.accept(listening)
    os.write(feed, b"request")
    assert await other.receive(7) == b"request"
    await other.send(b"answer")
    os.set_blocking(take, False)
    await until(lambda: bool(select.select([take], [], [], 0)[0]))
    assert os.read(take, 100) == b"answer"
    other.close()
    await until(lambda: not relay.links)
    devices.close()
    for fd in (stdin, feed, take, stdout):
        os.close(fd)


async def test_something_between_the_clients_and_the_relay(ends: Ends) -> None:
    def wrap(factory: HandlerFactory) -> HandlerFactory:
        return filtered(factory, [TelnetFilter])

    one, other = await ends.pair("tcp", "unix", wrap=wrap)
    await one.receive(12)  # the options that telnet begins with
    await one.send(b"\xff\xffa")
    assert await other.receive(2) == b"\xffa"
    await other.send(b"\xff")
    assert await one.receive(2) == b"\xff\xff"
    one.end_output()
    assert await other.rest() == b""
    other.close()
    assert await one.rest() == b""


# --- The end ------------------------------------------------------------------------------------


async def test_a_closed_relay_has_sent_everything(ends: Ends) -> None:
    one, other = await ends.pair("unix", "tcp")
    relay = ends.relays[0]
    await one.send(b"last words")
    await until(other.is_readable)
    relay.close()
    relay.close()
    await relay.wait_closed()
    assert await one.rest() == b""
    assert await other.rest() == b"last words"
    with pytest.raises(FileNotFoundError):
        await ends.client()
    ours, theirs = socket.socketpair()
    with theirs:
        await relay.connect(ours)
        assert await End(theirs).rest() == b""
    assert repr(relay) == f"<Relay to {ends.server_address}, 0 clients>"
    assert (await relay.listen("tcp:127.0.0.1:0")).clients == 0
    assert relay.listeners == []


async def test_a_relay_that_is_closed_while_it_dials(ends: Ends) -> None:
    ends.listen("unix", backlog=0)
    holder = ends.keep(socket.socket(socket.AF_UNIX))
    holder.connect(ends.server_address.endpoints()[0].sockaddr)
    relay = await ends.relay("unix", timeout=None)
    one = await ends.client()
    await until(lambda: relay.links == 1)
    relay.close()
    async with asyncio.timeout(PATIENCE):
        await relay.wait_closed()
    assert await one.rest() == b""


async def test_the_last_bytes_have_a_deadline(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RELAY_DRAIN", 0.05)
    one, other = await ends.pair("unix", "unix")
    await asyncio.gather(other.send(bytes(500_000)), one.receive(1))
    other.close()
    await until(lambda: not ends.relays[0].links)
    assert len(await one.rest()) < 499_999


async def test_two_hundred_links_leave_nothing_behind(ends: Ends) -> None:
    listening = ends.listen("unix", backlog=200)
    relay = await ends.relay("unix")
    before, tasks, others = open_fds(), len(asyncio.all_tasks()), links_in_memory()
    pairs: list[tuple[End, End]] = []
    for _ in range(200):
        one = await ends.client()
        pairs.append((one, await ends.accept(listening)))
    for number, (one, _) in enumerate(pairs):
        await one.send(b"request %03d" % number)
    for number, (_, other) in enumerate(pairs):
        assert await other.receive(11) == b"request %03d" % number
        await other.send(b"answer %03d" % number)
    for number, (one, _) in enumerate(pairs):
        assert await one.receive(10) == b"answer %03d" % number
    assert relay.links == 200
    for number, (one, other) in enumerate(pairs):
        first, second = (one, other) if number % 2 else (other, one)
        first.reset() if number % 3 else first.close()
        assert await second.rest() == b""
        second.close()
    await until(lambda: not relay.links)
    await until(lambda: len(asyncio.all_tasks()) == tasks)
    assert open_fds() == before
    # uvloop frees its handles some turns later.
    await until(lambda: links_in_memory() <= others)


def links_in_memory() -> int:
    gc.collect()
    return sum(type(each) is Link for each in gc.get_objects())
