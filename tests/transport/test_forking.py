"""Sockets belong to one process: a forked child can't use them."""

import gc
import os
import socket
from pathlib import Path
from typing import Any

from qmpeer.transport import forking, listen
from qmpeer.transport.forking import is_ours, own_socket
from qmpeer.transport.listening import unlink_if_ours
from tests.forks import in_child


def test_a_child_has_something_else_in_its_place() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        own_socket(ours)
        assert is_ours(ours)
        link = f"/proc/self/fd/{ours.fileno()}"
        assert in_child(lambda: (os.readlink(link), is_ours(ours))) == "('/dev/null', False)"
        assert os.readlink(link).startswith("socket:")
        assert not ours.get_inheritable()


def test_one_that_is_closed_takes_no_other_descriptor_with_it() -> None:
    ours, theirs = socket.socketpair()
    own_socket(ours)
    fd = ours.fileno()
    ours.close()
    with theirs:
        os.dup2(theirs.fileno(), fd)
        try:
            link = f"/proc/self/fd/{fd}"
            assert in_child(lambda: os.readlink(link)) == repr(os.readlink(link))
        finally:
            os.close(fd)


def test_a_child_leaves_the_path(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(f"unix:{path}") as sock:
        assert in_child(lambda: unlink_if_ours(sock)) == "None"
        assert path.exists()
        unlink_if_ours(sock)
        assert not path.exists()


class Ring:
    """Cyclic garbage with a socket of ours, which only the collector can free."""

    def __init__(self) -> None:
        self.ring = self
        self.sock = socket.socket()
        own_socket(self.sock)
        self.sock.close()


class Collecting:
    """A replacement for a reference to a socket; calling it runs the collector."""

    def __call__(self) -> None:
        gc.collect()


def test_garbage_that_is_collected_at_the_fork() -> None:
    pairs = [socket.socketpair() for _ in range(20)]
    for ours, _ in pairs:
        own_socket(ours)
    collecting: set[Any] = {Collecting() for _ in range(20)}
    gc.freeze()  # the child collects often, and what the tests hold takes long to scan
    gc.disable()
    try:
        forking._sockets.update(collecting)
        rings = [Ring() for _ in range(3)]
        rings.clear()
        assert in_child(lambda: [is_ours(ours) for ours, _ in pairs].count(True)) == "0"
    finally:
        gc.enable()
        forking._sockets.difference_update(collecting)
        for pair in pairs:
            for sock in pair:
                sock.close()
