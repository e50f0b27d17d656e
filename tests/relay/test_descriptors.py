"""Descriptors: with the bytes that they came with, or closed and logged where they can't travel.

Modules: link.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.transport.aio import HandlerFactory, Stream, StreamHandler
from qmpeer.transport.aio.stream import StreamLayer
from tests.relay.ends import End, Ends, open_fds, until


def opened(folder: Path, name: str) -> int:
    path = folder / name
    path.write_text(name)
    return os.open(path, os.O_RDONLY)


def contents(fds: Sequence[int]) -> list[str]:
    """Read and close descriptors."""
    read = []
    for fd in fds:
        read.append(os.pread(fd, 100, 0).decode())
        os.close(fd)
    return read


async def received(end: End, size: int) -> list[tuple[int, list[str]]]:
    """Receive so many bytes; return the position behind each chunk with its descriptors."""
    position, found = 0, []
    while position < size:
        data, fds = await end.receive_fds()
        assert data
        position += len(data)
        if fds:
            found.append((position, contents(fds)))
    return found


@pytest.mark.parametrize("who", ["client", "server"])
async def test_descriptors_come_in_order_each_with_its_own_bytes(
    ends: Ends, tmp_path: Path, who: str
) -> None:
    pair = await ends.pair("unix", "unix")
    one, other = pair if who == "client" else reversed(pair)
    before = open_fds()
    line = b"0123456789\n"
    for number in range(20):
        fds = [opened(tmp_path, f"{number}.{index}") for index in range(number % 3)]
        one.send_fds(line, fds) if fds else await one.send(line)
        for fd in fds:
            os.close(fd)
    found = await received(other, 20 * len(line))
    numbers = [number for number in range(20) if number % 3]
    assert [names for _, names in found] == [
        [f"{number}.{index}" for index in range(number % 3)] for number in numbers
    ]
    # A chunk with descriptors ends with the bytes that they came with: nothing is merged behind.
    for number, (position, _) in zip(numbers, found, strict=True):
        assert position == (number + 1) * len(line)
    await until(lambda: open_fds() == before)


async def test_as_many_as_the_kernel_takes(ends: Ends, tmp_path: Path) -> None:
    one, other = await ends.pair("unix", "unix")
    before = open_fds()
    fd = opened(tmp_path, "a")
    one.send_fds(b"x", [fd] * limits.MESSAGE_FDS)
    os.close(fd)
    assert await received(other, 1) == [(1, ["a"] * limits.MESSAGE_FDS)]
    await until(lambda: open_fds() == before)


async def test_behind_a_server_that_does_not_read_they_wait_and_none_is_left_open(
    ends: Ends, tmp_path: Path
) -> None:
    one, other = await ends.pair("unix", "unix")
    before = open_fds()
    block = bytes(65536)
    for _ in range(8):
        await one.send(block)
    fd = opened(tmp_path, "late")
    one.send_fds(b"late", [fd])
    os.close(fd)
    assert await received(other, 8 * len(block) + 4) == [(8 * len(block) + 4, ["late"])]
    for _ in range(8):
        await one.send(block)
    fd = opened(tmp_path, "lost")
    one.send_fds(b"lost", [fd])
    os.close(fd)
    await until(lambda: open_fds() > before)  # the relay's duplicate
    other.close()
    await until(lambda: not ends.relays[0].links)
    assert open_fds() == before - 3  # the relay's two sockets and the server's own


@pytest.mark.parametrize("who", ["client", "server"])
async def test_over_tcp_the_bytes_pass_and_descriptors_are_closed(
    ends: Ends, tmp_path: Path, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    kinds = ("unix", "tcp") if who == "client" else ("tcp", "unix")
    pair = await ends.pair(*kinds)
    one, other = pair if who == "client" else reversed(pair)
    await one.send(b".")
    assert await other.receive(1) == b"."  # now the relay doesn't dial any longer
    before = open_fds()
    fd = opened(tmp_path, "a")
    with caplog.at_level(logging.INFO, "qmpeer.relay"):
        for _ in range(3):
            one.send_fds(b"request", [fd])
        assert await other.receive(21) == b"request" * 3
    os.close(fd)
    await until(lambda: open_fds() == before)
    assert len(caplog.messages) == 1
    assert f"descriptors of the {who} can't be passed on to tcp:127.0.0.1:" in caplog.messages[0]


async def test_descriptors_that_the_kernel_refuses(
    ends: Ends, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(StreamLayer):
        def write(self, data: bytes, fds: Sequence[int] = ()) -> None:
            if fds:
                raise OSError(109, "too many references")
            super().write(data)

    def wrap(factory: HandlerFactory) -> HandlerFactory:
        def start(stream: Stream) -> StreamHandler:
            return factory(Refusing(stream))

        return start

    client, server = await ends.pair("unix", "unix", wrap=wrap)
    fd = opened(tmp_path, "a")
    server.send_fds(b"answer", [fd])
    os.close(fd)
    assert await client.receive(6) == b"answer"
    assert "too many references" in caplog.text
