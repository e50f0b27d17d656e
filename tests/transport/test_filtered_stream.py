"""Streams with filters, on a simulated wire and over real sockets."""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.transport import TcpAddress
from qmpeer.transport.aio import Stream, StreamHandler, open_stream, start_listening
from qmpeer.transport.aio.filtered_stream import FilterFactory, filtered
from qmpeer.transport.filters import (
    FilterError,
    TelnetFilter,
    TLSFilter,
    WebSocketClientFilter,
    WebSocketFilter,
    x509_context,
)
from tests.patience import PATIENCE
from tests.transport.filters.certificates import Authority
from tests.transport.filters.websocket_peer import BINARY, PING, frame, goodbye, request
from tests.transport.recorder import Recorder, spin

OFFERS = bytes.fromhex("fffb01 fffb03 fffb00 fffd00")
CLOSED = b"\x88\x02\x03\xe8"


class Wire(Stream):
    """A simulated raw stream with the methods that a filtered stream uses."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.is_paused = self.is_closed = self.is_aborted = False
        self.size = 0

    def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
        assert data
        if not self.is_closed:
            self.written += data

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    @property
    def unsent(self) -> int:
        return self.size

    @property
    def peer(self) -> str:
        return "tcp:peer"


class Session:
    """A filtered stream on a wire, with a recorder above once it is open."""

    def __init__(
        self,
        *filters: FilterFactory,
        timeout: float | None = None,
        make: Callable[[Stream], Recorder] = Recorder,
    ) -> None:
        self.wire = Wire()
        self.recorders: list[Recorder] = []
        self.failures: list[OSError] = []
        self._make = make
        factory = filtered(self._open, filters, timeout=timeout, failed=self.failures.append)
        self.below = factory(self.wire)

    def _open(self, stream: Stream) -> Recorder:
        self.recorders.append(self._make(stream))
        return self.recorders[-1]

    @property
    def above(self) -> Recorder:
        assert len(self.recorders) == 1
        return self.recorders[0]

    def receive(self, data: bytes) -> None:
        assert not self.wire.is_paused
        self.below.data_received(data, ())


def upgraded(timeout: float | None = None) -> Session:
    session = Session(WebSocketFilter, timeout=timeout)
    session.receive(request())
    assert session.wire.written.startswith(b"HTTP/1.1 101 ")
    session.wire.written.clear()
    return session


async def test_no_filters() -> None:
    assert filtered(Recorder, []) is Recorder


async def test_telnet_is_open_at_once() -> None:
    session = Session(TelnetFilter)
    assert session.wire.written == OFFERS
    session.above.stream.write(b"\xff")
    session.receive(b"{\xff\xfb\x18}")
    assert session.above.data == b"{}"
    assert session.wire.written == OFFERS + b"\xff\xff" + b"\xff\xfe\x18"


async def test_the_handler_is_made_when_the_handshake_is_over() -> None:
    session = Session(WebSocketFilter)
    session.receive(request()[:-1])
    assert session.recorders == []
    session.receive(request()[-1:] + frame(BINARY, b"{}"))
    assert session.above.data == b"{}"


async def test_all_in_one_go() -> None:
    session = Session(WebSocketFilter)
    session.receive(request() + frame(BINARY, b"{}") + goodbye(1000))
    assert (bytes(session.above.data), session.above.calls) == (b"{}", ["eof_received"])
    assert session.wire.is_closed
    session.below.connection_lost(None)
    assert session.above.error is None


async def test_what_is_wrong_comes_behind_what_was_right() -> None:
    session = upgraded()
    session.receive(frame(BINARY, b"{}") + frame(3))
    assert session.above.data == b"{}"
    assert session.wire.is_closed
    assert not session.wire.is_aborted
    session.below.connection_lost(None)
    assert isinstance(session.above.error, FilterError)
    assert session.failures == []


async def test_a_refused_handshake(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(WebSocketFilter)
    session.receive(b"GET /x HTTP/1.1\r\n\r\n")
    assert session.wire.written.startswith(b"HTTP/1.1 404 ")
    assert session.wire.is_closed
    session.below.connection_lost(None)
    assert session.recorders == []
    assert [str(error) for error in session.failures] == ["found path '/x', expected '/'"]
    assert caplog.messages == ["tcp:peer: refused: found path '/x', expected '/'"]


@pytest.mark.parametrize("has_eof", [True, False])
async def test_who_leaves_during_the_handshake(has_eof: bool) -> None:
    session = Session(WebSocketFilter, timeout=60)
    if has_eof:
        session.below.eof_received()
        assert session.wire.is_closed
    session.below.connection_lost(None)
    assert session.recorders == []
    text = "the peer left during the WebSocket handshake"
    assert [str(error) for error in session.failures] == [text]


async def test_the_error_of_a_wire_lost_during_the_handshake() -> None:
    session = Session(WebSocketFilter)
    session.below.connection_lost(error := ConnectionResetError())
    assert session.failures == [error]


async def test_the_deadline_of_the_handshake() -> None:
    session = Session(WebSocketFilter, timeout=0)
    async with asyncio.timeout(PATIENCE):
        while not session.wire.is_aborted:
            await asyncio.sleep(0)
    session.below.connection_lost(None)
    (error,) = session.failures
    assert isinstance(error, TimeoutError)
    assert str(error) == "waited 0 s for tcp:peer, but the WebSocket handshake is not over"


async def test_the_deadline_ends_with_the_handshake() -> None:
    session = upgraded(timeout=0)
    later: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0, later.set_result, None)
    await later  # behind which a deadline would have been
    assert not session.wire.is_closed


async def test_eof() -> None:
    session = Session(TelnetFilter)
    session.receive(b"{}")
    session.below.eof_received()
    assert session.above.calls == ["eof_received"]
    session.above.stream.write(b"answer")
    assert session.wire.written == OFFERS + b"answer"
    assert not session.wire.is_closed


async def test_pause_and_resume() -> None:
    session = upgraded()
    session.above.stream.pause_reading()
    assert session.wire.is_paused
    session.below.data_received(frame(BINARY, b"{}") + goodbye(1000), ())  # was under way
    assert session.above.data == b""
    session.above.stream.resume_reading()
    assert session.above.data == b""  # not from within a call of the handler's
    await spin()
    assert (bytes(session.above.data), session.above.calls) == (b"{}", ["eof_received"])
    assert not session.wire.is_paused


async def test_a_pause_between_two_pieces(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    class Pausing(Recorder):
        def data_received(self, data: bytes, fds: Sequence[int]) -> None:
            super().data_received(data, fds)
            self.stream.pause_reading()

    client = TLSFilter(contexts[0], server_side=False, server_hostname="127.0.0.1")
    session = Session(lambda: TLSFilter(contexts[1], server_side=True), make=Pausing)
    to_server = client.start()
    while not session.recorders:
        session.receive(to_server)
        to_server = client.receive(bytes(session.wire.written))[1]
        session.wire.written.clear()
    session.below.data_received(client.send(b"one") + client.send(b"two") + client.close(), ())
    for seen in (b"one", b"onetwo"):
        assert (bytes(session.above.data), session.above.has_eof) == (seen, False)
        session.above.stream.resume_reading()
        await spin()
    assert session.above.has_eof


async def test_a_pause_lets_failures_wait() -> None:
    session = upgraded()
    session.above.stream.pause_reading()
    session.below.data_received(frame(BINARY, b"{}") + frame(3), ())
    assert not session.wire.is_closed
    session.above.stream.resume_reading()
    await spin()
    assert session.above.data == b"{}"
    assert session.wire.is_closed


async def test_what_is_held_when_the_wire_is_lost() -> None:
    session = upgraded()
    session.above.stream.pause_reading()
    session.below.data_received(frame(BINARY, b"{}"), ())
    session.above.stream.resume_reading()
    session.below.connection_lost(None)
    assert (bytes(session.above.data), session.above.calls) == (b"{}", ["connection_lost"])
    await spin()
    assert session.above.data == b"{}"


async def test_writing_pauses() -> None:
    session = upgraded()
    session.below.pause_writing()
    session.below.resume_writing()
    assert session.above.calls == ["pause_writing", "resume_writing"]


async def test_writing_is_paused_before_there_is_a_handler() -> None:
    session = Session(WebSocketFilter)
    session.below.pause_writing()
    session.receive(request())
    assert session.above.calls == ["pause_writing"]


async def test_pongs_for_who_reads_nothing_are_bounded() -> None:
    session = upgraded()
    session.below.pause_writing()
    ping = frame(PING, b"p" * 125)
    for _ in range(limits.UNSENT_CONTROL // 127):
        session.receive(ping)
        await asyncio.sleep(0)
    assert not session.wire.is_aborted
    session.receive(ping)
    assert session.wire.is_aborted
    session.below.connection_lost(None)
    assert isinstance(session.above.error, FilterError)
    assert str(session.above.error).startswith("keeps asking, but leaves ")


async def test_pongs_for_who_reads_are_not() -> None:
    session = upgraded()
    for _ in range(2 * limits.UNSENT_CONTROL // 127):
        session.receive(frame(PING, b"p" * 125))
        assert session.wire.is_paused  # others have their turn before the next ones
        await asyncio.sleep(0)
    assert not session.wire.is_aborted


async def test_close_says_goodbye() -> None:
    session = upgraded()
    session.above.stream.write(b"{}")
    session.above.stream.close()
    session.above.stream.close()
    session.above.stream.write(b"late")
    assert session.wire.written == b"\x82\x02{}" + CLOSED
    assert session.wire.is_closed
    session.below.data_received(frame(BINARY, b"late"), ())
    session.below.eof_received()
    session.below.connection_lost(None)
    assert (bytes(session.above.data), session.above.calls) == (b"", ["connection_lost"])
    assert session.above.error is None


async def test_abort_says_nothing() -> None:
    session = upgraded()
    session.above.stream.abort()
    assert session.wire.written == b""
    assert session.wire.is_aborted


async def test_a_handler_that_closes_within_a_call() -> None:
    class Closing(Recorder):
        def data_received(self, data: bytes, fds: Sequence[int]) -> None:
            super().data_received(data, fds)
            self.stream.close()

    session = Session(TelnetFilter, make=Closing)
    session.receive(b"{}")
    session.below.data_received(b"late", ())
    session.below.connection_lost(None)
    assert session.above.data == b"{}"


async def test_a_handler_that_fails_behind_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes, fds: Sequence[int]) -> None:
            raise ZeroDivisionError

    session = Session(TelnetFilter, make=Failing)
    session.above.stream.pause_reading()
    session.below.data_received(b"{}", ())
    session.above.stream.resume_reading()
    await spin()
    assert session.wire.is_aborted
    session.below.connection_lost(None)
    assert session.above.error is not None
    assert isinstance(session.above.error.__cause__, ZeroDivisionError)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"]


async def test_descriptors_end_at_a_filter() -> None:
    session = Session(TelnetFilter)
    read_end, write_end = os.pipe()
    session.below.data_received(b"{}", [write_end])
    assert os.read(read_end, 1) == b""  # it is closed
    with pytest.raises(ValueError, match="behind telnet"):
        session.above.stream.write(b"{}", [read_end])
    os.close(read_end)


# Over real sockets.


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def contexts(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's TLS context."""
    folder: Path = tmp_path_factory.mktemp("tls") / "pki"
    authority.fill(folder, server=authority.issue("server"), client=authority.issue("laptop"))
    return x509_context(folder, server_side=False), x509_context(folder, server_side=True)


class Server:
    """A listener with filters, and the handlers of clients that passed them."""

    def __init__(self) -> None:
        self.clients: asyncio.Queue[Recorder] = asyncio.Queue()
        self.address = TcpAddress("127.0.0.1", 0)

    def take(self, stream: Stream) -> StreamHandler:
        client = Recorder(stream)
        self.clients.put_nowait(client)
        return client

    async def client(self) -> Recorder:
        async with asyncio.timeout(PATIENCE):
            return await self.clients.get()


@asynccontextmanager
async def serving(
    *filters: FilterFactory, timeout: float | None = PATIENCE
) -> AsyncIterator[Server]:
    server = Server()
    factory = filtered(server.take, filters, timeout=timeout)
    listener = await start_listening(server.address, factory)
    assert isinstance(listener.address, TcpAddress)
    server.address = listener.address
    yield server
    listener.close()


def tls(context: ssl.SSLContext) -> FilterFactory:
    return lambda: TLSFilter(context, server_side=True)


async def dial(
    server: Server, context: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name = None if context is None else "127.0.0.1"
    return await asyncio.open_connection(
        "127.0.0.1", server.address.port, ssl=context, server_hostname=name
    )


async def test_python_s_own_tls_client(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qmpeer.transport")
    async with serving(tls(contexts[1])) as server:
        reader, writer = await dial(server, contexts[0])
        client = await server.client()
        text = os.urandom(3_000_000)
        client.stream.write(b"greeting")
        assert await reader.readexactly(8) == b"greeting"
        writer.write(text)
        assert await client.until_data(len(text)) == text
        client.stream.write(text)
        assert await reader.readexactly(len(text)) == text
        client.stream.close()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert await client.until_lost() is None
    assert any(message.endswith(": is CN=laptop") for message in caplog.messages)


async def test_our_own_tls_client(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with serving(tls(contexts[1])) as server:
        opened: asyncio.Future[Recorder] = asyncio.get_running_loop().create_future()

        def take(stream: Stream) -> StreamHandler:
            opened.set_result(Recorder(stream))
            return opened.result()

        make = filtered(
            take,
            [lambda: TLSFilter(contexts[0], server_side=False, server_hostname="127.0.0.1")],
        )
        await open_stream(server.address, make, timeout=PATIENCE)
        ours, theirs = await opened, await server.client()
        ours.stream.write(b"ping")
        assert await theirs.until_data(4) == b"ping"
        theirs.stream.write(b"pong")
        theirs.stream.close()
        assert await ours.until_data(4) == b"pong"
        await ours.until(lambda: ours.has_eof)
        ours.stream.close()
        assert await ours.until_lost() is None
        assert await theirs.until_lost() is None


async def test_who_is_refused_makes_way_for_the_next(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tls(contexts[1])) as server:
        reader, writer = await dial(server)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            try:
                await reader.read()  # an alert, perhaps
            except ConnectionResetError:
                pass
        writer.close()
        reader, writer = await dial(server, contexts[0])
        client = await server.client()
        client.stream.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        client.stream.close()
        await client.until_lost()
        writer.close()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith(": refused: found HTTP, expected TLS")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b'{"execute": "qmp_capabilities"}\n',
            "found something else than TLS, or a version too old",
        ),
        (b"SSH-2.0-client\r\n", "found something else than TLS, or a version too old"),
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", "found HTTP, expected TLS"),
    ],
)
async def test_a_plain_client_is_reset(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    caplog: pytest.LogCaptureFixture,
    text: bytes,
    reason: str,
) -> None:
    """As in QEMU, nothing is sent, and the connection is reset."""
    async with serving(tls(contexts[1])) as server:
        reader, writer = await dial(server)
        writer.write(text)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        writer.close()
    assert [message.partition(": refused: ")[2] for message in caplog.messages] == [reason]


async def test_half_a_handshake_hits_the_deadline(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tls(contexts[1]), WebSocketFilter, timeout=0.01) as server:
        reader, writer = await dial(server)
        writer.write(b"\x16\x03\x01")
        async with asyncio.timeout(PATIENCE):
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                pass
        writer.close()
    assert caplog.messages[0].endswith("but the TLS handshake is not over")


async def test_a_websocket_on_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async with serving(tls(contexts[1]), WebSocketFilter) as server:
        reader, writer = await dial(server, contexts[0])
        filter = WebSocketClientFilter("127.0.0.1")
        writer.write(filter.start())
        assert filter.receive(await reader.readuntil(b"\r\n\r\n")) == ([], b"")
        client = await server.client()
        writer.write(filter.send(b"x" * 300_000))
        await client.until_data(300_000)
        client.stream.write(b"{}")
        assert filter.receive(await reader.readexactly(4)) == ([b"{}"], b"")
        writer.write(filter.close())
        await client.until_lost()
        assert client.calls[-2:] == ["eof_received", "connection_lost"]
        writer.close()
