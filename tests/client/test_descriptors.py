"""Descriptors: sent with their own command's bytes, and still owned by the caller."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from qmpeer import limits
from tests.client.faces import Face
from tests.client.scripted import connected, open_fds
from tests.patience import PATIENCE


@pytest.fixture
def files() -> Iterator[list[int]]:
    made = [os.memfd_create(f"file {number}") for number in range(4)]
    for number, fd in enumerate(made):
        os.write(fd, b"%d" % number)
    yield made
    for fd in made:
        os.close(fd)


def contents(fds: list[int]) -> list[int]:
    """Return the contents of the files, and close them."""
    numbers = [int(os.pread(fd, 10, 0)) for fd in fds]
    for fd in fds:
        os.close(fd)
    return numbers


def test_they_come_with_their_command(face: Face, files: list[int]) -> None:
    with connected(face) as (vm, server):
        executing = []
        for sent in ([0], [], [1, 2], [3]):
            executing.append(vm.begin("add-fd", fds=[files[number] for number in sent]))
            command, fds = server.command_with_fds()
            assert contents(fds) == sent
            server.reply(command)
        assert [each.result(PATIENCE) for each in executing] == [{}] * 4
        assert contents([os.dup(fd) for fd in files]) == [0, 1, 2, 3]  # still open


def test_they_wait_for_their_turn_with_their_command(face: Face, files: list[int]) -> None:
    with connected(face, max_in_flight=1) as (vm, server):
        first = vm.begin("x")
        command = server.command()
        waiting = vm.begin("getfd", {"fdname": "a"}, fds=files[:2])
        with pytest.raises(TimeoutError):  # this shows that it is queued
            vm.execute("y", timeout=0.05)
        server.reply(command)
        first.result(PATIENCE)
        command, fds = server.command_with_fds()
        assert contents(fds) == [0, 1]
        server.reply(command)
        assert waiting.result(PATIENCE) == {}


def test_one_that_is_not_open(face: Face, files: list[int]) -> None:
    with connected(face) as (vm, server):
        gone = os.dup(files[0])
        os.close(gone)
        with pytest.raises(OSError) as caught:
            vm.execute("getfd", fds=[gone], timeout=PATIENCE)
        assert caught.value.errno == errno.EBADF
        executing = vm.begin("getfd", fds=files[:1])
        command, fds = server.command_with_fds()
        assert contents(fds) == [0]
        server.reply(command)
        assert executing.result(PATIENCE) == {}


def test_more_than_linux_takes(face: Face, files: list[int]) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(ValueError, match="found 254 descriptors, expected at most 253"):
            vm.execute("x", fds=[files[0]] * (limits.MESSAGE_FDS + 1), timeout=PATIENCE)
        assert not server.has_input()


def test_over_tcp(face: Face, files: list[int]) -> None:
    with connected(face, tcp=True, max_in_flight=1) as (vm, server):
        with pytest.raises(ValueError, match="descriptors travel over unix sockets only"):
            vm.execute("getfd", fds=files[:1], timeout=PATIENCE)
        executing = vm.begin("x")
        server.reply(server.command())
        assert executing.result(PATIENCE) == {}


def test_none_stays_open(face: Face, files: list[int]) -> None:
    with connected(face, max_in_flight=1) as (vm, server):
        with connected(face):  # the loop has opened descriptors of its own
            pass
        before = open_fds()
        holding = vm.begin("x", fds=files)
        command, fds = server.command_with_fds()
        contents(fds)
        with pytest.raises(TimeoutError):
            vm.execute("withdrawn", fds=files, timeout=0.02)
        waiting = vm.begin("waiting", fds=files)
        server.reply(command)
        holding.result(PATIENCE)
        command, fds = server.command_with_fds()
        contents(fds)
        server.reply(command)
        waiting.result(PATIENCE)
        assert open_fds() == before


def test_what_a_server_sends_is_closed(face: Face, files: list[int]) -> None:
    with connected(face) as (vm, server):
        before = open_fds()
        socket.send_fds(server.socket, [b'{"event": "X"}\n'], files)
        assert vm.wait_event("X", since=0, timeout=PATIENCE).number == 1
        assert open_fds() == before
