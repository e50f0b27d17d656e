"""A peer that left, with unread bytes, before we read from it."""

import asyncio
import os
import socket

import pytest

from qmpeer.transport.aio import open_stream
from tests.patience import PATIENCE
from tests.transport.conftest import recorder
from tests.transport.recorder import Recorder


@pytest.mark.parametrize("with_fds", [False, True])
async def test_a_peer_that_leaves_at_once_with_something_unread_is_noticed(with_fds: bool) -> None:
    ours, theirs = socket.socketpair()
    _, end = await open_stream(ours, recorder, timeout=PATIENCE)
    assert isinstance(end, Recorder)
    end.stream.write(b"something")
    null = os.open(os.devnull, os.O_RDONLY)
    for data in (b"[", b" "):
        socket.send_fds(theirs, [data], [null] if with_fds else [])
    theirs.close()
    os.close(null)
    async with asyncio.timeout(PATIENCE):
        await end.until_lost()
    assert end.data == b"[ "
    for fd in end.fds:
        os.close(fd)
