"""The promises of every stream, on every transport and both loops.

Modules: aio.descriptor_stream, aio.hangups.
"""

import asyncio
import socket
import struct

import pytest

from qmpeer import limits
from qmpeer.transport.aio import Stream, StreamHandler, open_stream
from qmpeer.transport.aio.buffered_stream import BufferedStream
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin

Pair = tuple[Recorder, Recorder]

everywhere = pytest.mark.parametrize("pair", ["unix", "tcp", "socketpair", "stdio"], indirect=True)
sockets = pytest.mark.parametrize("pair", ["unix", "tcp", "socketpair"], indirect=True)

BIG = bytes(range(256)) * 4 * 4096 + b"end"  # 4 MiB, and no multiple of anything


@everywhere
async def test_bytes_arrive_whole_in_both_directions_at_once(pair: Pair) -> None:
    for end in pair:
        end.stream.write(BIG)
        end.stream.write(b"tail")
    for end in pair:
        assert await end.until_data(len(BIG) + 4) == BIG + b"tail"
    assert [end.stream.unsent for end in pair] == [0, 0]


@everywhere
async def test_many_small_writes_behind_a_full_buffer_keep_their_order(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    lines = [BIG, BIG, *(b"%d\r\n" % number for number in range(50_000))]
    for line in lines:
        one.stream.write(line)
    assert one.stream.unsent > 0
    other.stream.resume_reading()
    expected = b"".join(lines)
    assert await other.until_data(len(expected)) == expected


@everywhere
async def test_buffers_that_change_after_write_are_copied(pair: Pair) -> None:
    one, other = pair
    data = bytearray(BIG)
    one.stream.write(data)  # type: ignore[arg-type]  # people do it all the same
    data[:] = bytes(len(data))
    assert await other.until_data(len(BIG)) == BIG


@everywhere
async def test_writing_nothing_is_nothing(pair: Pair) -> None:
    one, other = pair
    one.stream.write(b"")
    one.stream.write(b"x")
    assert await other.until_data(1) == b"x"


@everywhere
async def test_nothing_is_handed_over_while_paused(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    other.stream.pause_reading()
    one.stream.write(b"held")
    await spin()
    assert not other.data
    other.stream.resume_reading()
    other.stream.resume_reading()
    assert await other.until_data(4) == b"held"
    one.stream.write(b" and on")
    assert await other.until_data(11) == b"held and on"


@everywhere
async def test_reading_pauses_from_within_data_received(pair: Pair) -> None:
    one, other = pair
    take = other.data_received

    def take_and_pause(data: bytes, fds: list[int]) -> None:
        other.stream.pause_reading()
        take(data, fds)

    other.data_received = take_and_pause  # type: ignore[method-assign,assignment]
    one.stream.write(BIG)
    seen = 0
    while seen < len(BIG):
        await other.until(lambda: len(other.data) > seen)  # noqa: B023
        calls = len(other.chunks)
        await spin(3)
        assert len(other.chunks) == calls
        seen = len(other.data)
        other.stream.resume_reading()
    assert other.data == BIG


@everywhere
async def test_writing_pauses_above_the_high_and_resumes_at_the_low_mark(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    await spin()
    while one.stream.unsent == 0:
        one.stream.write(bytes(65536))
        await spin(3)  # a loop's own transport may send at the end of its turn only
    while one.stream.unsent <= limits.UNSENT_OUTPUT - 65536:
        one.stream.write(bytes(65536))
    assert one.calls == []
    while one.stream.unsent <= limits.UNSENT_OUTPUT:
        one.stream.write(bytes(65536))
    assert one.calls == ["pause_writing"]
    one.stream.write(bytes(65536))
    assert one.calls == ["pause_writing"]
    other.stream.resume_reading()
    await one.until(lambda: "resume_writing" in one.calls)
    assert one.stream.unsent <= limits.UNSENT_RESUME
    await one.until(lambda: one.stream.unsent == 0 or bool(other.data))
    assert one.calls == ["pause_writing", "resume_writing"]


@sockets
async def test_close_sends_the_rest_first(pair: Pair) -> None:
    one, other = pair
    one.stream.write(BIG)
    one.stream.close()
    one.stream.close()
    one.stream.write(b"too late")
    await other.until(lambda: other.has_eof)
    assert other.data == BIG
    assert await one.until_lost() is None
    assert not other.is_lost
    other.stream.close()
    assert await other.until_lost() is None


@sockets
async def test_close_with_a_peer_that_does_not_read_is_bounded(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)
    one, other = pair
    other.stream.pause_reading()
    one.stream.write(BIG)
    one.stream.write(BIG)
    one.stream.close()
    assert isinstance(await one.until_lost(), TimeoutError)


@everywhere
async def test_abort_drops_the_rest_and_tells_so_from_the_loop(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    for _ in range(4):
        one.stream.write(BIG)
    one.stream.abort()
    one.stream.abort()
    assert not one.is_lost
    assert await one.until_lost() is None
    one.stream.write(b"too late")
    one.stream.close()
    one.stream.pause_reading()
    one.stream.resume_reading()
    await spin()
    assert one.calls.count("connection_lost") == 1


@sockets
async def test_nothing_is_handed_over_after_close(pair: Pair) -> None:
    one, other = pair
    other.stream.write(b"unread")
    one.stream.close()
    await one.until_lost()
    assert not one.data


@sockets
async def test_an_end_that_is_held_back_comes_after_the_pause(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    one.stream.write(b"last words")
    one.stream.close()
    await one.until_lost()
    await spin()
    assert not other.data
    assert not other.has_eof
    other.stream.resume_reading()
    await other.until(lambda: other.has_eof)
    assert other.data == b"last words"


@everywhere
async def test_an_exception_in_the_handler_ends_the_stream_and_is_reported(pair: Pair) -> None:
    one, other = pair
    reports: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))

    def fail(data: bytes, fds: list[int]) -> None:
        raise RuntimeError("by the test")

    other.data_received = fail  # type: ignore[method-assign,assignment]
    one.stream.write(b"x")
    error = await other.until_lost()
    assert isinstance(error, ConnectionAbortedError)
    assert isinstance(error.__cause__, RuntimeError)
    assert [str(report["exception"]) for report in reports] == ["by the test"]


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


KINDS = {"unix": socket.socketpair, "tcp": tcp_pair}


async def opened(kind: str) -> tuple[Recorder, socket.socket]:
    """A stream with the plain socket at its other end."""
    ours, theirs = KINDS[kind]()
    theirs.setblocking(False)
    _, handler = await open_stream(ours, Recorder, timeout=PATIENCE)
    assert isinstance(handler, Recorder)
    return handler, theirs


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_half_closed_stream_can_be_written_to(kind: str) -> None:
    ours, theirs = await opened(kind)
    with theirs:
        theirs.send(b"request")
        theirs.shutdown(socket.SHUT_WR)
        await ours.until(lambda: ours.has_eof)
        assert ours.data == b"request"
        await spin()
        assert not ours.is_lost
        ours.stream.write(b"answer")
        ours.stream.close()
        await ours.until_lost()
        theirs.settimeout(PATIENCE)
        assert theirs.recv(100) == b"answer"
        assert theirs.recv(100) == b""


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_reset_is_an_error(kind: str) -> None:
    ours, theirs = await opened(kind)
    ours.stream.write(b"unread, so that a unix socket resets")
    await spin()
    if kind == "tcp":
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert isinstance(await ours.until_lost(), ConnectionResetError)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_failed_write_is_told_from_the_loop_only(kind: str) -> None:
    ours, theirs = await opened(kind)
    theirs.close()
    ours.stream.write(b"x")
    for _ in range(10):
        ours.stream.write(BIG)
        assert not ours.is_lost
    await ours.until(lambda: ours.is_lost or ours.has_eof)
    ours.stream.abort()
    await ours.until_lost()
    assert ours.calls.count("connection_lost") == 1


async def test_a_failed_write_does_not_lose_what_the_peer_left() -> None:
    ours, theirs = await opened("unix")
    theirs.send(b"SHUTDOWN")
    theirs.close()
    ours.stream.write(b"too late")
    assert isinstance(await ours.until_lost(), BrokenPipeError)
    assert ours.data == b"SHUTDOWN"
    assert ours.has_eof


async def test_a_failed_write_while_reading_is_paused_ends_the_stream() -> None:
    ours, theirs = await opened("unix")
    ours.stream.pause_reading()
    theirs.close()
    ours.stream.write(b"too late")
    assert isinstance(await ours.until_lost(), BrokenPipeError)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_handler_factory_may_write_and_pause(kind: str) -> None:
    ours, theirs = KINDS[kind]()
    theirs.send(b"early")

    def factory(stream: Stream) -> StreamHandler:
        stream.write(b"greeting")
        stream.pause_reading()
        return Recorder(stream)

    with theirs:
        stream, handler = await open_stream(ours, factory, timeout=PATIENCE)
        assert isinstance(handler, Recorder)
        await spin()
        assert not handler.data
        stream.resume_reading()
        assert await handler.until_data(5) == b"early"
        theirs.settimeout(PATIENCE)
        assert theirs.recv(100) == b"greeting"
        stream.abort()
        await handler.until_lost()


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_handler_factory_may_close(kind: str) -> None:
    ours, theirs = KINDS[kind]()

    def factory(stream: Stream) -> StreamHandler:
        stream.write(b"bye")
        stream.close()
        return Recorder(stream)

    with theirs:
        _, handler = await open_stream(ours, factory, timeout=PATIENCE)
        assert isinstance(handler, Recorder)
        assert await handler.until_lost() is None
        theirs.settimeout(PATIENCE)
        assert theirs.recv(100) == b"bye"


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_handler_factory_that_fails_closes_the_socket(kind: str) -> None:
    ours, theirs = KINDS[kind]()

    def factory(stream: Stream) -> StreamHandler:
        raise RuntimeError("by the test")

    with theirs:
        with pytest.raises(RuntimeError, match="by the test"):
            await open_stream(ours, factory, timeout=PATIENCE)
        await spin()
        theirs.settimeout(PATIENCE)
        assert theirs.recv(100) == b""


@pytest.mark.parametrize("kind", list(KINDS))
async def test_an_exception_after_a_pause_ends_the_stream_too(kind: str) -> None:
    ours, theirs = await opened(kind)
    reports: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))

    def fail(data: bytes, fds: list[int]) -> None:
        raise RuntimeError("by the test")

    ours.data_received = fail  # type: ignore[method-assign,assignment]
    with theirs:
        ours.stream.pause_reading()
        theirs.send(b"x")
        await spin()
        ours.stream.resume_reading()
        assert isinstance(await ours.until_lost(), ConnectionAbortedError)
    assert [str(report["exception"]) for report in reports] == ["by the test"]


async def test_a_transport_that_ends_before_its_handler_is_there() -> None:
    lost: list[Stream] = []
    stream = BufferedStream("tcp:127.0.0.1:1", lost.append)
    stream.pause_writing()
    stream.connection_lost(ConnectionResetError("by the test"))
    handler = Recorder(stream)
    stream.start(handler)
    assert isinstance(await handler.until_lost(), ConnectionResetError)
    assert handler.calls == ["connection_lost"]
    assert lost == [stream]
    stream.write(b"too late")
    stream.close()
    stream.abort()


async def test_tcp_refuses_descriptors() -> None:
    ours, theirs = await opened("tcp")
    with theirs, pytest.raises(ValueError, match=r"unix sockets only, found tcp:127\.0\.0\.1:\d+"):
        ours.stream.write(b"x", [0])
    ours.stream.abort()
    await ours.until_lost()
