"""Bytes with descriptors, kept apart from the bytes that were sent before them."""

import os
import socket

import pytest

from qmpeer import limits
from qmpeer.transport.aio import open_stream
from tests.patience import PATIENCE
from tests.transport.conftest import recorder
from tests.transport.recorder import Recorder
from tests.transport.test_fds import open_fds

SENT = [
    (b"a" * 1000 + b"\n", 0),
    (b"b\n", 0),
    (b"c\n", 2),
    (b"d\nd\n", 1),
    (b"e\n", 0),
    (b"f" * 70000 + b"\n", 1),
    (b"no end of a line", 1),
]
"""Chunks, each with the number of its descriptors."""


@pytest.mark.parametrize("apart", [False, True])
async def test_a_line_with_fds_comes_alone(apart: bool) -> None:
    before = open_fds()
    ours, theirs = socket.socketpair()
    _, end = await open_stream(ours, recorder, timeout=PATIENCE)
    assert isinstance(end, Recorder)
    if apart:
        end.stream.keep_fds_apart()
    with theirs:
        for data, count in SENT:
            assert socket.send_fds(theirs, [data], [theirs.fileno()] * count) == len(data)
        await end.until_data(sum(len(data) for data, _ in SENT))
    assert end.data == b"".join(data for data, _ in SENT)
    with_fds = [(bytes(data[:20]), len(fds)) for data, fds in end.chunks if fds]
    if apart:
        assert with_fds == [
            (b"c\n", 2),
            (b"d\n", 1),
            (b"f" * 20, 1),
            (b"no end of a line", 1),
        ]
    else:
        assert with_fds[0] == (b"a" * 20, 2)
    for fd in end.fds:
        os.close(fd)
    end.stream.abort()
    await end.until_lost()
    assert open_fds() == before


async def test_for_the_first_reads_and_again_after_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "READS_APART", 2)
    ours, theirs = socket.socketpair()
    _, end = await open_stream(ours, recorder, timeout=PATIENCE)
    assert isinstance(end, Recorder)
    end.stream.keep_fds_apart()
    size = 0
    with theirs:
        for number in range(4):
            theirs.send(b"a%d\n" % number)
            if number in (2, 3):
                socket.send_fds(theirs, [b"b"], [theirs.fileno()])
            size += 4 if number in (2, 3) else 3
            await end.until_data(size)
    assert [bytes(data) for data, _ in end.chunks] == [b"a0\n", b"a1\n", b"a2\nb", b"a3\n", b"b"]
    for fd in end.fds:
        os.close(fd)
    end.stream.abort()
    await end.until_lost()
