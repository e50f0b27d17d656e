"""Standard input and output of any kind."""

import os
import pty
import socket
import termios
from pathlib import Path

import pytest

from qmpeer.transport.aio import Stream, StreamHandler, open_stdio_stream
from tests.transport.recorder import Recorder, spin


async def opened(stdin_fd: int, stdout_fd: int) -> Recorder:
    _, handler = await open_stdio_stream(Recorder, stdin_fd, stdout_fd)
    assert isinstance(handler, Recorder)
    return handler


async def test_pipes_and_their_end() -> None:
    (stdin, feed), (take, stdout) = os.pipe(), os.pipe()
    handler = await opened(stdin, stdout)
    assert handler.stream.peer == "stdio"
    os.write(feed, b"request")
    assert await handler.until_data(7) == b"request"
    os.close(feed)
    await handler.until(lambda: handler.has_eof)
    assert not handler.is_lost
    handler.stream.write(b"answer")
    assert os.read(take, 100) == b"answer"
    handler.stream.close()
    await handler.until_lost()
    for fd in (stdin, take, stdout):
        os.close(fd)


async def test_blocking_is_put_back_and_descriptors_stay_open() -> None:
    (stdin, feed), (take, stdout) = os.pipe(), os.pipe()
    os.set_blocking(stdout, False)
    handler = await opened(stdin, stdout)
    assert not os.get_blocking(stdin)
    handler.stream.close()
    await handler.until_lost()
    assert os.get_blocking(stdin)
    assert not os.get_blocking(stdout)
    for fd in (stdin, feed, take, stdout):
        os.close(fd)


async def test_a_reader_that_left() -> None:
    (stdin, feed), (take, stdout) = os.pipe(), os.pipe()
    handler = await opened(stdin, stdout)
    os.close(take)
    handler.stream.write(b"x")
    assert isinstance(await handler.until_lost(), BrokenPipeError)
    for fd in (stdin, feed, stdout):
        os.close(fd)


@pytest.mark.parametrize("is_same_number", [True, False])
async def test_a_socket_as_both(is_same_number: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        second = ours.fileno() if is_same_number else os.dup(ours.fileno())
        handler = await opened(ours.fileno(), second)
        big = bytes(1 << 20)
        handler.stream.write(big)  # needs a writer beside the reader
        theirs.send(b"request")
        assert await handler.until_data(7) == b"request"
        got = 0
        theirs.setblocking(False)
        while got < len(big):
            try:
                got += len(theirs.recv(65536))
            except BlockingIOError:
                await spin(1)
        theirs.shutdown(socket.SHUT_WR)
        await handler.until(lambda: handler.has_eof)
        handler.stream.close()
        await handler.until_lost()
        assert os.get_blocking(ours.fileno())
        if not is_same_number:
            os.close(second)


async def test_regular_files(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(data := bytes(range(256)) * 1000)
    with (tmp_path / "in").open("rb") as stdin, (tmp_path / "out").open("wb") as stdout:
        handler = await opened(stdin.fileno(), stdout.fileno())
        await handler.until(lambda: handler.has_eof)
        assert handler.data == data
        handler.stream.write(data)
        assert handler.stream.unsent == 0
        handler.stream.close()
        await handler.until_lost()
    assert (tmp_path / "out").read_bytes() == data


async def test_a_regular_file_pauses_too(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(200_000))

    def factory(stream: Stream) -> StreamHandler:
        stream.pause_reading()
        return Recorder(stream)

    with (tmp_path / "in").open("rb") as stdin, Path("/dev/null").open("wb") as stdout:
        stream, handler = await open_stdio_stream(factory, stdin.fileno(), stdout.fileno())
        assert isinstance(handler, Recorder)
        await spin()
        assert not handler.data
        stream.resume_reading()
        stream.pause_reading()
        stream.resume_reading()
        await handler.until_data(65536)
        stream.pause_reading()
        size = len(handler.data)
        await spin()
        assert len(handler.data) == size
        stream.resume_reading()
        await handler.until(lambda: handler.has_eof)
        assert len(handler.data) == 200_000
        stream.write(b"to nowhere")
        stream.abort()
        await handler.until_lost()


async def test_dev_null_ends_at_once() -> None:
    with Path("/dev/null").open("r+b") as null:
        handler = await opened(null.fileno(), null.fileno())
        await handler.until(lambda: handler.has_eof)
        handler.stream.close()
        await handler.until_lost()


async def test_a_terminal_keeps_its_settings() -> None:
    main, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    handler = await opened(terminal, terminal)
    assert termios.tcgetattr(terminal) == before
    os.write(main, b"a line is needed")
    await spin()
    assert not handler.data
    os.write(main, b"\n")
    assert await handler.until_data(17) == b"a line is needed\n"
    handler.stream.write(b"answer\r\n")
    shown = b""
    while not shown.endswith(b"answer\r\r\n"):  # behind the echo
        shown += os.read(main, 1000)
    handler.stream.close()
    await handler.until_lost()
    os.close(main)
    os.close(terminal)


async def test_a_terminal_that_hangs_up_is_an_end() -> None:
    main, terminal = pty.openpty()
    handler = await opened(terminal, terminal)
    os.close(main)
    await handler.until(lambda: handler.has_eof)
    handler.stream.close()
    await handler.until_lost()
    os.close(terminal)


async def test_descriptors_are_refused() -> None:
    (stdin, feed), (take, stdout) = os.pipe(), os.pipe()
    handler = await opened(stdin, stdout)
    with pytest.raises(ValueError, match="unix sockets only, found stdio"):
        handler.stream.write(b"x", [0])
    handler.stream.abort()
    await handler.until_lost()
    for fd in (stdin, feed, take, stdout):
        os.close(fd)
