"""The end of one direction: what the peer reads, and what still comes from it."""

import socket
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.transport.aio import open_stdio_stream, open_stream
from qmpeer.transport.aio.filtered_stream import filtered
from qmpeer.transport.aio.stream import EndedStream, StreamLayer
from qmpeer.transport.filter import Filter, Stacked
from qmpeer.transport.filters.telnet import TelnetFilter
from qmpeer.transport.filters.websocket import WebSocketFilter
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder, spin
from tests.transport.test_contract import BIG, KINDS, Pair, opened

sockets = pytest.mark.parametrize("pair", ["unix", "tcp", "socketpair"], indirect=True)


@sockets
async def test_the_peer_reads_the_end_and_can_still_send(pair: Pair) -> None:
    one, other = pair
    one.stream.write(b"request")
    one.stream.write_eof()
    one.stream.write_eof()
    one.stream.write(b"too late")
    await other.until(lambda: other.has_eof)
    assert other.data == b"request"
    other.stream.write(b"answer")
    assert await one.until_data(6) == b"answer"
    await spin()
    assert not one.is_lost
    assert not other.is_lost
    other.stream.close()
    await one.until(lambda: one.has_eof)
    one.stream.close()
    assert await one.until_lost() is None


@sockets
async def test_everything_unsent_goes_first(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    for _ in range(3):
        one.stream.write(BIG)
    one.stream.write_eof()
    assert one.stream.unsent
    await spin()
    other.stream.resume_reading()
    await other.until(lambda: other.has_eof)
    assert other.data == 3 * BIG
    assert not one.is_lost
    assert one.calls.count("resume_writing") == 1


@sockets
async def test_a_close_after_it_sends_everything_too(pair: Pair) -> None:
    one, other = pair
    one.stream.write(BIG)
    one.stream.write_eof()
    one.stream.close()
    await other.until(lambda: other.has_eof)
    assert other.data == BIG
    assert await one.until_lost() is None


@sockets
async def test_after_close_or_the_end_it_does_nothing(pair: Pair) -> None:
    one, other = pair
    one.stream.write(BIG)
    one.stream.close()
    one.stream.write_eof()
    await other.until(lambda: other.has_eof)
    assert other.data == BIG
    await one.until_lost()
    one.stream.write_eof()


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_peer_that_is_gone_already(kind: str) -> None:
    ours, theirs = await opened(kind)
    ours.stream.pause_reading()
    theirs.close()
    await spin()
    ours.stream.write_eof()
    ours.stream.resume_reading()
    await ours.until(lambda: ours.has_eof or ours.is_lost)
    ours.stream.abort()
    await ours.until_lost()


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_peer_that_never_reads_does_not_keep_a_closed_stream(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CLOSE_TIMEOUT", 0.05)
    ours, theirs = await opened(kind)
    with theirs:
        for _ in range(4):
            ours.stream.write(BIG)
        ours.stream.write_eof()
        ours.stream.close()
        assert isinstance(await ours.until_lost(), TimeoutError)


async def test_a_hang_up_after_our_end_of_output_is_told() -> None:
    ours, theirs = await opened("unix")
    ours.stream.on_hangup(ours.hung_up)
    ours.stream.write_eof()
    theirs.send(b"answer")
    theirs.close()
    await ours.until(lambda: "hung_up" in ours.calls)
    assert ours.data == b"answer"
    ours.stream.abort()
    await ours.until_lost()


@pytest.mark.parametrize("writes", [False, True])
async def test_what_a_peer_left_that_hung_up_in_a_pause_can_be_read(writes: bool) -> None:
    ours, theirs = await opened("unix")
    ours.stream.on_hangup(ours.hung_up)
    ours.stream.pause_reading()
    theirs.send(b"last words")
    theirs.close()
    if writes:
        ours.stream.write(b"too late")
    await ours.until(lambda: "hung_up" in ours.calls)
    assert not ours.data
    ours.stream.resume_reading()
    await ours.until(lambda: ours.has_eof)
    assert ours.data == b"last words"
    ours.stream.abort()
    await ours.until_lost()
    assert ours.calls == ["hung_up", "eof_received", "connection_lost"]


def opened_telnet() -> Filter:
    return Stacked(TelnetFilter(), TelnetFilter())


async def test_telnet_can() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        _, handler = await open_stream(ours, filtered(Recorder, [opened_telnet]), timeout=PATIENCE)
        stream = handler._handler.stream  # type: ignore[attr-defined]
        assert stream.can_write_eof
        assert not stream.carries_fds
        stream.write_eof()
        theirs.settimeout(PATIENCE)
        while theirs.recv(100):
            pass
        stream.reset()
        assert stream.unsent == 0
        await spin()


async def test_a_websocket_ends_both_directions_only() -> None:
    made: list[Recorder] = []
    ours, theirs = socket.socketpair()

    def recorder(stream: object) -> Recorder:
        made.append(Recorder(stream))  # type: ignore[arg-type]
        return made[-1]

    with theirs:
        both = [TelnetFilter, WebSocketFilter]
        assert not Stacked(*(make() for make in both)).can_half_close
        _, handler = await open_stream(ours, filtered(recorder, both[1:]), timeout=PATIENCE)
        handler.write_eof()  # type: ignore[attr-defined]
        theirs.setblocking(False)
        await spin()
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        handler.abort()  # type: ignore[attr-defined]
        await spin()


async def test_standard_output_is_left_alone(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream, handler = await open_stdio_stream(Recorder, ours.fileno(), ours.fileno())
        assert isinstance(handler, Recorder)
        assert not stream.can_write_eof
        assert not stream.carries_fds
        stream.write_eof()
        stream.write(b"goes on")
        assert theirs.recv(100) == b"goes on"
        stream.close()
        await handler.until_lost()


async def test_a_layer_forwards_everything() -> None:
    ours, theirs = await opened("unix")
    with theirs:
        layer = StreamLayer(ours.stream)
        assert layer.can_write_eof
        assert layer.carries_fds
        layer.write_eof()
        theirs.settimeout(PATIENCE)
        assert theirs.recv(1) == b""
        layer.reset()
        await ours.until_lost()


def test_a_stream_that_has_ended_can_do_nothing() -> None:
    stream = EndedStream("peer")
    stream.write_eof()
    assert not stream.can_write_eof
    assert not stream.carries_fds
