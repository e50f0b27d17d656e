"""The queue of bytes that the kernel doesn't take at once."""

import os
import random

import pytest

from qmpeer.transport.aio.unsent import UnsentOutput


def send(queue: UnsentOutput, most: int) -> tuple[bytes, int]:
    """Act as a kernel that takes so many bytes."""
    pieces, fds = queue.next_batch()
    taken = b"".join(pieces)[:most]
    queue.remove(len(taken))
    return taken, len(fds) if taken else 0


@pytest.mark.parametrize("seed", range(20))
def test_any_sizes_give_the_same_bytes(seed: int) -> None:
    chance = random.Random(seed)
    queue = UnsentOutput()
    expected = got = b""
    attached: dict[int, int] = {}
    found: dict[int, int] = {}
    for _ in range(300):
        if chance.random() < 0.6:
            data = chance.randbytes(chance.choice([1, 3, 100, 5000]))
            fds = [0] * chance.choice([0, 0, 0, 1, 2])
            if fds:
                attached[len(expected)] = len(fds)
            queue.append(data, 0, fds)
            expected += data
        elif queue.size:
            start = len(got)
            taken, count = send(queue, chance.choice([0, 1, 50, 10**6]))
            if count:
                found[start] = count
            got += taken
        assert queue.size == len(expected) - len(got)
    while queue.size:
        start = len(got)
        taken, count = send(queue, 10**6)
        if count:
            found[start] = count
        got += taken
    assert got == expected
    assert found == attached


def test_bytes_that_were_sent_before_do_not_count() -> None:
    queue = UnsentOutput()
    queue.append(b"gone and left", 9, ())
    assert queue.size == 4
    assert send(queue, 100) == (b"left", 0)


def test_batches_are_bounded() -> None:
    queue = UnsentOutput()
    for _ in range(10_000):
        queue.append(bytes(1000), 0, ())
    pieces, _ = queue.next_batch()
    assert sum(map(len, pieces)) < 256 * 1024 + 1000
    for _ in range(100):
        queue.append(b"x", 0, ())
    assert len(queue.next_batch()[0]) <= 512


def test_dropping_closes_the_copies() -> None:
    before = len(os.listdir("/proc/self/fd"))
    queue = UnsentOutput()
    queue.append(b"x", 0, [0, 1, 2])
    queue.append(b"y", 0, [0])
    assert len(os.listdir("/proc/self/fd")) == before + 4
    queue.remove(1)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    queue.drop()
    assert len(os.listdir("/proc/self/fd")) == before
    assert queue.size == 0
