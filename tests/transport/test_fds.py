"""Descriptors on unix sockets: sent with their own bytes, in order, and none left open."""

import errno
import os
import resource

import pytest

from qmpeer import limits
from tests.transport.recorder import Recorder

Pair = tuple[Recorder, Recorder]

pytestmark = pytest.mark.parametrize("pair", ["unix", "socketpair"], indirect=True)

BIG = b"." * (1 << 20)


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def numbered_files(count: int) -> list[int]:
    fds = []
    for number in range(count):
        fd = os.memfd_create("fd")
        os.write(fd, b"%d" % number)
        fds.append(fd)
    return fds


def contents(fds: list[int]) -> list[int]:
    return [int(os.pread(fd, 10, 0)) for fd in fds]


def close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


async def test_descriptors_come_with_their_bytes_and_are_not_inherited(pair: Pair) -> None:
    one, other = pair
    files = numbered_files(3)
    one.stream.write(b"before")
    await other.until_data(6)
    one.stream.write(b"with", files)
    close_all(files)
    await other.until_data(10)
    assert other.chunks[-1][0] == b"with"
    assert contents(other.fds) == [0, 1, 2]
    assert not any(os.get_inheritable(fd) for fd in other.fds)


async def test_as_many_as_linux_takes(pair: Pair) -> None:
    one, other = pair
    files = numbered_files(limits.MESSAGE_FDS)
    one.stream.write(b"x", files)
    await other.until_data(1)
    assert contents(other.fds) == list(range(limits.MESSAGE_FDS))
    with pytest.raises(ValueError, match="found 254 descriptors, expected at most 253"):
        one.stream.write(b"x", [*files, files[0]])
    close_all(files)


async def test_in_the_midst_of_unsent_bytes_they_wait_for_their_own(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    files = numbered_files(6)
    one.stream.write(BIG)
    assert one.stream.unsent
    for number, file in enumerate(files):
        one.stream.write(b"<%d>" % number, [file])
        one.stream.write(b"between")
    close_all(files)  # ours to close as soon as write() returns
    other.stream.resume_reading()
    await other.until_data(len(BIG) + 6 * 10)
    marks = [(data, fds) for data, fds in other.chunks if fds]
    assert contents(other.fds) == [0, 1, 2, 3, 4, 5]
    assert [data[:3] if data[:1] == b"<" else data[-3:] for data, _ in marks] == [
        b"<%d>" % number for number in range(6)
    ]


async def test_a_big_message_carries_them_with_its_first_byte(pair: Pair) -> None:
    one, other = pair
    files = numbered_files(1)
    one.stream.write(BIG, files)
    close_all(files)
    assert await other.until_data(len(BIG)) == BIG
    assert [bool(fds) for _, fds in other.chunks].index(True) == 0
    assert contents(other.fds) == [0]


async def test_what_is_not_a_descriptor_is_the_callers_error(pair: Pair) -> None:
    one, other = pair
    with pytest.raises(OSError) as found:
        one.stream.write(b"x", [1_000_000])
    assert found.value.errno == errno.EBADF
    other.stream.pause_reading()
    one.stream.write(BIG)
    before = open_fds()
    with pytest.raises(OSError) as found:
        one.stream.write(b"x", [0, 1_000_000])
    assert found.value.errno == errno.EBADF
    assert open_fds() == before
    with pytest.raises(ValueError, match="at least one byte"):
        one.stream.write(b"", [0])
    other.stream.resume_reading()
    await other.until_data(len(BIG))
    one.stream.write(b"on")
    assert await other.until_data(len(BIG) + 2) == BIG + b"on"


async def test_unsent_copies_are_closed_with_the_stream(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    one.stream.write(BIG)
    before = open_fds()
    one.stream.write(b"x", numbered := numbered_files(2))
    assert open_fds() == before + 4
    close_all(numbered)
    one.stream.abort()
    await one.until_lost()
    assert open_fds() == before - 1  # the socket


async def test_a_truncated_set_is_closed(pair: Pair) -> None:
    one, other = pair
    # More than one message's worth can't be sent, so that the limit on open files does it here.
    files = numbered_files(4)
    before = open_fds()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    one.stream.pause_reading()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files) + 2, hard))
    try:
        one.stream.write(b"x", files)
        await other.until_data(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert other.fds == []
    assert open_fds() == before
    close_all(files)


async def test_a_handler_that_is_gone_leaks_none(pair: Pair) -> None:
    one, other = pair
    files = numbered_files(1)
    before = open_fds()
    one.stream.write(b"x", files)
    other.stream.abort()
    await other.until_lost()
    await one.until_lost()  # the peer left something unread: a reset
    assert open_fds() == before - 2  # the sockets
    close_all(files)


async def test_a_peers_descriptors_in_several_messages_of_one_read(pair: Pair) -> None:
    one, other = pair
    other.stream.pause_reading()
    files = numbered_files(3)
    for file in files:
        one.stream.write(b"x", [file])
    other.stream.resume_reading()
    await other.until_data(3)
    assert contents(other.fds) == [0, 1, 2]
    close_all(files)
