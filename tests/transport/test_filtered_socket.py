"""A blocking socket above a simple filter, with a wire that the test controls."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from qmpeer import limits
from qmpeer.transport.dialling import DialPlan
from qmpeer.transport.filtered_socket import FilteredSocket, open_filtered
from qmpeer.transport.filters import Filter, FilterError, Received
from tests.patience import PATIENCE

DONTWAIT = socket.MSG_DONTWAIT


class Marks(Filter):
    """A filter that sends "<DATA>" and reads "?" question, "." end, "#" mistake, "+" hello."""

    name = "marks"

    def start(self) -> bytes:
        return b"+"

    def receive(self, data: bytes) -> Received:
        found, reply = b"", b""
        for byte in data.decode():
            if self.failure is not None or self.has_ended:
                break
            match byte:
                case "+":
                    self._open()
                case "?":
                    reply += b"!"
                case ".":
                    self._end()
                case "#":
                    self._fail("found #")
                case _:
                    found += byte.encode()
        return [found] if found else [], reply

    def send(self, data: bytes) -> bytes:
        return b"<" + data + b">" if self.is_open else b""

    def close(self) -> bytes:
        return b"." if self._shut() else b""


class Ends(NamedTuple):
    ours: FilteredSocket
    wire: socket.socket

    def heard(self) -> bytes:
        self.wire.setblocking(False)
        try:
            return self.wire.recv(1 << 20)
        finally:
            self.wire.settimeout(PATIENCE)


def opened(raw: socket.socket, timeout: float | None = PATIENCE) -> FilteredSocket:
    plan = DialPlan("tls:here:1", timeout=timeout, wait_for_socket=False, now=time.monotonic())
    return open_filtered(raw, Marks(), plan)


@pytest.fixture
def ends() -> Iterator[Ends]:
    raw, wire = socket.socketpair()
    wire.settimeout(PATIENCE)
    wire.sendall(b"+first")
    with opened(raw) as ours, wire:
        assert wire.recv(1) == b"+"
        assert ours.recv(100, DONTWAIT) == b"first"
        yield Ends(ours, wire)


def test_both_ways(ends: Ends) -> None:
    assert ends.ours.send(b"question") == 8
    assert ends.heard() == b"<question>"
    ends.wire.sendall(b"answer")
    assert ends.ours.recv(100) == b"answer"
    with pytest.raises(BlockingIOError):
        ends.ours.recv(100, DONTWAIT)


def test_what_is_for_the_filter_alone(ends: Ends) -> None:
    """It is answered. A waiting caller checks its clock again, another gets the bytes behind it."""
    ends.wire.sendall(b"??")
    with pytest.raises(InterruptedError):
        ends.ours.recv(100)
    assert ends.heard() == b"!!"
    ends.wire.sendall(b"?" * 1000 + b"x")
    with pytest.raises(InterruptedError):
        ends.ours.recv(1000, DONTWAIT)
    assert ends.ours.recv(1000, DONTWAIT) == b"x"


def test_the_end(ends: Ends) -> None:
    ends.wire.sendall(b"last.more")
    assert ends.ours.recv(100) == b"last"
    assert ends.ours.recv(100) == b""
    assert ends.ours.recv(100) == b""


def test_the_wires_end(ends: Ends) -> None:
    ends.wire.close()
    assert ends.ours.recv(100) == b""


def test_a_mistake_behind_what_was_right(ends: Ends) -> None:
    ends.wire.sendall(b"right#wrong")
    assert ends.ours.recv(100) == b"right"
    for _ in range(2):
        with pytest.raises(FilterError, match="found #"):
            ends.ours.recv(100)
    with pytest.raises(OSError, match="found #"):
        ends.ours.send(b"x")
    ends.ours.shutdown(socket.SHUT_RDWR)


def test_a_wire_that_takes_no_more(ends: Ends) -> None:
    data = b"x" * (8 << 20)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += ends.ours.send(data[sent:])
    assert 0 < sent < len(data)
    heard = bytearray()

    def hear() -> None:
        while heard.count(b"x") < len(data):
            heard.extend(ends.wire.recv(1 << 20))

    thread = threading.Thread(target=hear)
    thread.start()
    while sent < len(data):
        try:
            sent += ends.ours.send(data[sent:])
        except BlockingIOError:
            select.select([], [ends.ours], [], PATIENCE)
    thread.join(PATIENCE)
    assert sent == len(data)
    assert heard.replace(b"><", b"").rstrip(b">") == b"<" + data


def test_who_asks_and_never_listens(ends: Ends) -> None:
    with pytest.raises(OSError, match="the peer keeps asking, but doesn't read our answers"):
        while True:
            ends.wire.sendall(b"?" * limits.READ_SIZE)
            with suppress(BlockingIOError, InterruptedError):
                ends.ours.recv(limits.READ_SIZE, DONTWAIT)


def test_what_the_filter_could_not_say_yet_goes_first(ends: Ends) -> None:
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += ends.ours.send(b"x" * 100_000)
    ends.wire.sendall(b"?")
    with pytest.raises(InterruptedError):
        ends.ours.recv(1)
    heard = bytearray()
    while not heard.endswith(b"!"):
        with suppress(BlockingIOError):
            heard += ends.heard()
        with suppress(BlockingIOError):
            ends.ours.recv(1, DONTWAIT)
    assert heard.count(b"!") == 1


def test_an_answer_that_nobody_takes_spoils_no_other(ends: Ends) -> None:
    """The peer has left; its earlier bytes can still be read."""
    ends.wire.sendall(b"last?words")
    ends.wire.close()
    assert ends.ours.recv(100) == b"lastwords"
    assert ends.ours.recv(100) == b""


def test_interrupted_in_the_middle(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is then unknown how much was decoded, so the connection is unusable."""

    def interrupt(data: bytes) -> Received:
        raise KeyboardInterrupt

    ends.wire.sendall(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(ends.ours._filter, "receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ends.ours.recv(100)
    with pytest.raises(FilterError, match="an interruption lost received bytes"):
        ends.ours.recv(100)


def test_nothing_passes_the_filter_by(ends: Ends) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: ends.ours.sendall(b"x"),
        lambda: ends.ours.sendmsg([b"x"]),
        lambda: ends.ours.recv_into(bytearray(1)),
        lambda: ends.ours.makefile("rb"),
        ends.ours.dup,
    ]
    for attempt in attempts:
        with pytest.raises(NotImplementedError, match=r"only recv\(\), send\(\) and shutdown\(\)"):
            attempt()
    with pytest.raises(BlockingIOError):
        ends.heard()


def test_goodbye(ends: Ends) -> None:
    ends.ours.shutdown(socket.SHUT_RDWR)
    assert ends.wire.recv(100) == b"."
    assert ends.wire.recv(100) == b""
    with pytest.raises(BrokenPipeError):
        ends.ours.send(b"x")


def test_no_more_than_was_to_come(ends: Ends) -> None:
    ends.ours.most = 5
    ends.wire.sendall(b"12345")
    assert ends.ours.recv(100) == b"12345"
    ends.wire.sendall(b"6")
    with pytest.raises(OSError, match="received more bytes"):
        ends.ours.recv(100)


HANDSHAKES = {
    "left": (b"", True, ConnectionAbortedError, "the peer left during the marks handshake"),
    "wrong": (b"#", False, FilterError, "found #"),
    "silent": (b"??", False, TimeoutError, r"waited 0\.05 s for tls:here:1, but the marks handsh"),
}


@pytest.mark.parametrize(
    ("said", "leaves", "error", "reason"), HANDSHAKES.values(), ids=[*HANDSHAKES]
)
def test_handshakes_that_fail(said: bytes, leaves: bool, error: type[OSError], reason: str) -> None:
    raw, wire = socket.socketpair()
    with wire:
        wire.sendall(said)
        if leaves:
            wire.shutdown(socket.SHUT_WR)
        with pytest.raises(error, match=reason):
            opened(raw, 0.05)
        assert wire.recv(1) == b"+"


def test_a_peer_that_keeps_talking_has_no_more_time_than_others() -> None:
    raw, wire = socket.socketpair()
    with wire:
        stop = threading.Event()

        def talk() -> None:
            with suppress(OSError):
                while not stop.is_set():
                    wire.sendall(b"?" * 100)
                    wire.recv(65536, DONTWAIT)

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            with pytest.raises(TimeoutError, match="handshake is not over"):
                opened(raw, 0.1)
        finally:
            stop.set()
            thread.join(PATIENCE)
