"""Clients of servers that die, are silent, or send nonsense."""

import contextlib
import errno
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import (
    CommandInterrupted,
    ConnectionClosed,
    LimitError,
    MessageError,
    WireError,
)
from qmpeer.transport import dial
from qmpeer.values import JsonObject
from tests.faults.pretended_server import GREETING, Peer, PretendedServer, Twins, causes
from tests.patience import PATIENCE


def serve_well(peer: Peer) -> None:
    while command := peer.read():
        peer.answer(command, command.get("execute"))


# The server dies


@pytest.mark.parametrize(
    ("scheme", "ending"), [("unix", "close"), ("tcp", "close"), ("tcp", "reset")]
)
@pytest.mark.parametrize("sent", [0, 1, 13, 40], ids="{} bytes of the reply".format)
def test_a_server_killed_mid_reply(
    twins: Twins, tmp_path: Path, scheme: str, ending: str, sent: int
) -> None:
    place = tmp_path / "pretended" if scheme == "unix" else None

    def script(peer: Peer) -> None:
        peer.begin()
        reply = peer.reply(peer.read(), {"status": "running", "singlestep": False})
        peer.send(reply[:sent])
        if ending == "reset":
            peer.until_read()
            peer.reset()

    with PretendedServer(script, place) as server:
        client = twins.connect(server.address)
        with pytest.raises(CommandInterrupted) as caught:
            client.execute("query-status")
        assert caught.value.command == "query-status"
        if ending == "reset":
            assert isinstance(caught.value.__cause__, ConnectionResetError)
        for _ in range(2):
            with pytest.raises(ConnectionClosed):
                client.execute("query-status")
            with pytest.raises(ConnectionClosed):
                client.wait_event(timeout=PATIENCE)


def test_a_reset_between_commands(twins: Twins) -> None:
    is_answered = threading.Event()

    def script(peer: Peer) -> None:
        peer.begin()
        peer.answer(peer.read())
        assert is_answered.wait(PATIENCE)
        peer.reset()

    with PretendedServer(script) as server:
        client = twins.connect(server.address)
        assert client.execute("stop") == {}
        is_answered.set()
        with pytest.raises(ConnectionClosed) as caught:
            client.wait_event("STOP", timeout=PATIENCE)
        assert any(isinstance(error, ConnectionResetError) for error in causes(caught.value))


def test_what_came_before_the_end_is_not_lost(twins: Twins, place: Path | None) -> None:
    def script(peer: Peer) -> None:
        peer.begin()
        peer.send(b'{"event": "SHUTDOWN", "data": {"guest": true}}\r\n')
        command = peer.read()
        peer.send(b'{"event": "LAST"}\r\n')
        peer.answer(command)

    with PretendedServer(script, place) as server:
        client = twins.connect(server.address)
        assert client.execute("stop") == {}
        assert client.wait_event("SHUTDOWN", since=0, timeout=PATIENCE).data == {"guest": True}
        assert client.wait_event("LAST", since=1, timeout=PATIENCE).number == 2


@pytest.mark.parametrize("sent", [b"", b'{"execute', GREETING[:50], GREETING])
def test_a_server_that_leaves_at_once(twins: Twins, place: Path | None, sent: bytes) -> None:
    server = PretendedServer(lambda peer: peer.send(sent), place)
    with server, pytest.raises(ConnectionClosed):
        twins.connect(server.address)


# The server is silent


def test_no_greeting(twins: Twins, place: Path | None) -> None:
    server = PretendedServer(lambda peer: peer.read(), place)
    with server:
        connected = dial(server.address, timeout=PATIENCE)
        with pytest.raises(TimeoutError, match="hasn't greeted"):
            twins.connect(connected, timeout=0.05)


def test_no_answer_to_qmp_capabilities(twins: Twins, place: Path | None) -> None:
    def script(peer: Peer) -> None:
        peer.send(GREETING)
        while peer.read():
            pass

    server = PretendedServer(script, place)
    with server:
        connected = dial(server.address, timeout=PATIENCE)
        connected.recv(1, socket.MSG_PEEK)  # the greeting has come
        with pytest.raises(TimeoutError, match="hasn't answered qmp_capabilities"):
            twins.connect(connected, timeout=2.0)


def test_no_answer_to_a_command(twins: Twins, place: Path | None) -> None:
    """Its late reply is ignored."""
    kept: list[Any] = []

    def script(peer: Peer) -> None:
        peer.begin()
        kept.append(peer.read())
        second = peer.read()
        peer.answer(kept[0], "late")
        peer.answer(second, "second")
        serve_well(peer)

    with PretendedServer(script, place) as server:
        client = twins.connect(server.address)
        with pytest.raises(TimeoutError):
            client.execute("first", timeout=0.5)
        with pytest.raises(TimeoutError):
            client.wait_event("NEVER", timeout=0.01)
        assert client.execute("second") == "second"
        assert client.execute("third") == "third"


def test_the_deadline_of_the_connection(twins: Twins) -> None:
    def script(peer: Peer) -> None:
        peer.begin()
        while peer.read():
            pass

    with PretendedServer(script) as server:
        client = twins.connect(server.address, command_timeout=0.05)
        with pytest.raises(TimeoutError):
            client.execute("a")
        with pytest.raises(TimeoutError):
            client.wait_event("A")


# The server cuts its messages in two


def test_replies_and_events_cut_at_every_byte(twins: Twins, tmp_path: Path) -> None:
    value: JsonObject = {"a": 'quo"te \\ \u00e9\U0001d11e', "b": [1, -2.5, None, {}]}
    event = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "E", "data": {"n": 1}}\r\n'

    def script(peer: Peer) -> None:
        peer.begin()
        cut = 0
        while command := peer.read():
            data = event + peer.reply(command, value)
            peer.send(data[:cut])
            peer.until_read()
            peer.send(data[cut:])
            cut = min(cut + 1, len(data))

    with PretendedServer(script, tmp_path / "cut") as server:
        client = twins.connect(server.address)
        for number in range(1, len(event) + 120):
            assert client.execute("get") == value
            assert client.wait_event("E", since=number - 1, timeout=PATIENCE).number == number


def test_greetings_cut_at_every_byte(twins: Twins, tmp_path: Path) -> None:
    cuts = iter(range(len(GREETING)))

    def script(peer: Peer) -> None:
        cut = next(cuts)
        peer.send(GREETING[:cut])
        peer.until_read()
        peer.send(GREETING[cut:])
        serve_well(peer)

    with PretendedServer(script, tmp_path / "cut") as server:
        for _ in range(len(GREETING)):
            client = twins.connect(server.address)
            assert client.execute("a") == "a"
            client.close()


# The server sends nonsense


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01",
        b"{}\r\n",
        b"[]\r\n",
        b"42\r\n",
        b'{"QMP": 1}\r\n',
        b'{"QMP": {"version": []}}\r\n',
        b'{"hello": "world"}\r\n',
        b"\x00" * 100,
        b"}\r\n",
    ],
)
def test_a_server_of_another_kind(twins: Twins, nonsense: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.send(nonsense)
        if nonsense.endswith(b"\n"):  # otherwise more may come, until the end or a deadline
            peer.read()

    with PretendedServer(script) as server, pytest.raises(ConnectionClosed):
        twins.connect(server.address)


@pytest.mark.parametrize(
    "aside",
    [
        GREETING,
        b'{"return": "theirs", "id": 4711}\r\n',
        b'{"return": "theirs", "id": "x"}\r\n',
        b'{"return": "theirs", "id": null}\r\n',
        b'{"return": "theirs"}\r\n',
        b'{"id": [1], "error": {"class": "GenericError", "desc": "theirs"}}\r\n',
        b"\r\n \t\n",
        b"\xff",
    ],
)
def test_what_is_nobodys_is_passed_over(twins: Twins, aside: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.begin()
        peer.answer(peer.read(), "first")
        peer.send(aside)
        command = peer.read()
        peer.send(aside)
        peer.answer(command, "second")
        peer.send(aside)
        serve_well(peer)

    with PretendedServer(script) as server:
        client = twins.connect(server.address)
        assert client.execute("first") == "first"
        assert client.execute("second") == "second"
        assert client.execute("third") == "third"


@pytest.mark.parametrize(
    ("nonsense", "cause"),
    [
        (b"garbage\r\n", WireError),
        (b'{"return": }\r\n', WireError),
        (b'{"return": {}]\r\n', WireError),
        (b"\x01\x02\n", WireError),
        (b"{}\r\n", MessageError),
        (b"[1]\r\n", MessageError),
        (b'{"event": 1}\r\n', MessageError),
        (b'{"error": "no"}\r\n', MessageError),
    ],
)
def test_garbage_instead_of_a_reply(twins: Twins, nonsense: bytes, cause: type[Exception]) -> None:
    def script(peer: Peer) -> None:
        peer.begin()
        peer.read()
        peer.send(nonsense)
        peer.read()

    with PretendedServer(script) as server:
        client = twins.connect(server.address)
        with pytest.raises(CommandInterrupted) as caught:
            client.execute("query-status")
        assert isinstance(caught.value.__cause__, cause)
        with pytest.raises(ConnectionClosed):
            client.execute("query-status")


# The server floods


def test_a_flood_of_events(twins: Twins) -> None:
    """The log is bounded, dropped events are counted, and the command is answered."""
    count = limits.EVENTS_KEPT + limits.EVENTS_SUBSCRIBED + 500

    def script(peer: Peer) -> None:
        peer.begin()
        command = peer.read()
        for number in range(1, count + 1):
            peer.send(b'{"event": "E", "data": {"n": %d}}\r\n' % number)
        peer.answer(command)
        serve_well(peer)

    with PretendedServer(script) as server:
        client: Any = twins.connect(server.address)
        subscribed = client.client if twins.is_async else client
        small, large = subscribed.events("E", limit=10), subscribed.events()
        assert client.execute("flood") == {}
        assert small.dropped == count - 10
        assert large.dropped == count - limits.EVENTS_SUBSCRIBED
        with pytest.raises(LimitError):
            client.wait_event("E", since=0, timeout=PATIENCE)
        kept = client.wait_event("E", since=count - limits.EVENTS_KEPT, timeout=PATIENCE)
        assert kept.data == {"n": count - limits.EVENTS_KEPT + 1}
        for events in (small, large):
            with contextlib.closing(events):
                event = events._queue.take()
                assert event is not None
                assert event.number == event.data["n"]


def test_a_server_that_never_reads(twins: Twins, place: Path | None) -> None:
    """The command's deadline holds while it is being sent, too."""
    is_over = threading.Event()

    def script(peer: Peer) -> None:
        peer.begin()
        assert is_over.wait(PATIENCE)

    with PretendedServer(script, place) as server:
        client = twins.connect(server.address)
        with pytest.raises(TimeoutError):
            client.execute("write", {"data": "x" * 8_000_000}, timeout=0.1)
        is_over.set()


def test_nobody_listens(twins: Twins, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        twins.connect(f"unix:{tmp_path}/none")
    with PretendedServer(lambda peer: None) as server:
        address = server.address
    with pytest.raises(ConnectionRefusedError) as caught:
        twins.connect(address)
    assert caught.value.errno == errno.ECONNREFUSED
