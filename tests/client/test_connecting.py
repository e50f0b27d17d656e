"""Connecting: all forms of addresses, the greeting, negotiation, and obstacles."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from qmpeer import ConnectionClosed, NegotiationError, __version__
from qmpeer.errors import MessageError
from qmpeer.messages import QemuVersion
from qmpeer.transport import parse_address
from tests.client.conftest import OurMonitor
from tests.client.faces import Face, background
from tests.client.scripted import GREETING, PLAIN_GREETING, ScriptedServer, connected, open_fds
from tests.patience import PATIENCE


def test_the_greeting_is_known(face: Face) -> None:
    with connected(face) as (vm, _):
        assert vm.greeting is not None
        assert vm.greeting.version is not None
        assert vm.greeting.version.qemu == QemuVersion(7, 2, 22)
        assert vm.greeting.version.package == "scripted"
        assert vm.greeting.capabilities == ("oob",)
        assert vm.capabilities == ("oob",)


@pytest.mark.parametrize("form", ["text", "path", "bare", "address", "socket"])
def test_every_form_of_a_unix_address(face: Face, ours: OurMonitor, form: str) -> None:
    match form:
        case "text":
            address: Any = ours.address
        case "path":
            address = ours.path
        case "bare":
            address = str(ours.path)
        case "address":
            address = parse_address(ours.address)
        case _:
            address = socket.socket(socket.AF_UNIX)
            address.connect(str(ours.path))
    with face.connect(address) as vm:
        assert vm.execute("query-version")["package"] == "ours"


@pytest.mark.parametrize("form", ["text", "bare", "pair", "fd"])
def test_every_form_of_a_tcp_address(face: Face, form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        match form:
            case "text":
                address: Any = f"tcp:{host}:{port}"
            case "bare":
                address = f"{host}:{port}"
            case "pair":
                address = (host, port)
            case _:
                address = f"fd:{socket.create_connection((host, port)).detach()}"
        connecting = background(face.connect, address)
        server = ScriptedServer(listener.accept()[0])
        server.greet()
        server.negotiate()
        connecting.result(PATIENCE).close()
        server.close()


def test_what_is_offered_is_enabled(face: Face) -> None:
    ours, theirs = socket.socketpair()
    server = ScriptedServer(theirs)
    connecting = background(face.connect, ours)
    server.greet(GREETING.replace(b'["oob"]', b'["oob", "later"]'))
    assert server.negotiate()["arguments"] == {"enable": ["oob"]}
    connecting.result(PATIENCE)
    server.close()


@pytest.mark.parametrize("capabilities", [None, []], ids=["default", "none"])
def test_nothing_is_enabled_that_was_not_asked_for(
    face: Face, capabilities: list[str] | None
) -> None:
    ours, theirs = socket.socketpair()
    server = ScriptedServer(theirs)
    connecting = background(face.connect, ours, capabilities=capabilities)
    server.greet(PLAIN_GREETING if capabilities is None else GREETING)
    assert "arguments" not in server.negotiate()
    assert connecting.result(PATIENCE).capabilities == ()
    server.close()


def test_a_capability_that_is_not_offered(face: Face) -> None:
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours, capabilities=["oob"])
    server = ScriptedServer(theirs)
    server.greet(PLAIN_GREETING)
    with pytest.raises(NegotiationError, match="not all are offered") as caught:
        connecting.result(PATIENCE)
    assert caught.value.requested == ("oob",)
    assert caught.value.offered == ()
    assert theirs.recv(1) == b""  # closed without a request
    server.close()


def test_the_server_refuses(face: Face) -> None:
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours)
    server = ScriptedServer(theirs)
    server.greet()
    server.fail(server.command(), "GenericError", "Capability oob not available")
    with pytest.raises(NegotiationError, match="Capability oob not available") as caught:
        connecting.result(PATIENCE)
    assert caught.value.offered == ("oob",)
    server.close()


def test_events_in_between_are_kept(face: Face) -> None:
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours)
    server = ScriptedServer(theirs)
    server.event("VSERPORT_CHANGE", open=True)
    server.greet()
    command = server.command()
    server.event("RESUME")
    server.reply(command)
    vm = connecting.result(PATIENCE)
    assert vm.wait_event("VSERPORT_CHANGE", since=0, timeout=PATIENCE).number == 1
    assert vm.wait_event("RESUME", since=0, timeout=PATIENCE).number == 2
    server.close()


@pytest.mark.parametrize(
    "greeting",
    [b'{"QMP": {}}\n', b'{"QMP": {"version": 7, "capabilities": "oob"}}\r\n'],
    ids=["empty", "odd"],
)
def test_greetings_of_others(face: Face, greeting: bytes) -> None:
    with connected(face, greeting) as (vm, _):
        assert vm.greeting is not None
        assert vm.greeting.version is None
        assert vm.capabilities == ()


def test_a_second_greeting_is_passed_over(face: Face) -> None:
    """A pty's monitor greets twice."""
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours)
    server = ScriptedServer(theirs)
    server.send(GREETING + GREETING)
    server.negotiate()
    connecting.result(PATIENCE)
    assert not server.has_input()
    server.close()


@pytest.mark.parametrize("timeout", [0.05, 0])
def test_a_server_that_never_greets(face: Face, timeout: float) -> None:
    ours, theirs = socket.socketpair()
    said = re.escape(
        f"the server hasn't greeted in {timeout} s; another client may hold its monitor"
    )
    with pytest.raises(TimeoutError, match=said):
        face.connect(ours, timeout=timeout)
    theirs.settimeout(PATIENCE)
    assert theirs.recv(1) == b""
    theirs.close()


def test_a_server_that_never_answers_qmp_capabilities(face: Face) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(GREETING)
    said = "the server hasn't answered qmp_capabilities in 0.05 s"
    with pytest.raises(TimeoutError, match=re.escape(said)):
        face.connect(ours, timeout=0.05)
    theirs.close()


def test_a_server_that_trickles_does_not_stretch_the_deadline(face: Face) -> None:
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours, timeout=0.3)
    try:
        while not connecting.done():
            theirs.sendall(b" ")
    except (BrokenPipeError, ConnectionResetError):
        pass
    with pytest.raises(TimeoutError, match="hasn't greeted"):
        connecting.result(PATIENCE)
    theirs.close()


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (b"", None),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "stray 'S"),
        (b"[1]\n", "found an array where a message must be an object"),
        (b'{"hello": 1}\n', "found a message that is no greeting, response or event"),
        (b'{"QMP": 1}\n', "found a number where QMP must be an object"),
    ],
    ids=["nothing", "ssh", "array", "object", "QMP"],
)
def test_what_is_no_qmp_server(face: Face, said: bytes, cause: str | None) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionClosed) as caught:
        face.connect(ours, timeout=PATIENCE)
    if cause is None:
        assert str(caught.value) == "the server closed the connection"
    else:
        assert cause in str(caught.value)
        assert caught.value.__cause__ is not None
    theirs.close()


STRANGERS = {
    "human monitor": (b"QEMU 7.2.0 monitor - type 'help'\r\n(qemu) ", "human monitor; .* -qmp"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server"),
    "tls": (b"\x15\x03\x03\x00\x02\x02\x46", "TLS; write tls:HOST:PORT"),
    "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server"),
}


@pytest.mark.parametrize(("said", "look"), STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("is_tcp", [False, True], ids=["unix", "tcp"])
def test_a_stranger_is_named_at_once(
    face: Face, tmp_path: Path, said: bytes, look: str, is_tcp: bool
) -> None:
    """The peer stays connected, so a client that waited for more would use its whole deadline."""
    address: Any = ("127.0.0.1", 0) if is_tcp else str(tmp_path / "s")
    with socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(PATIENCE)
        address = f"tcp:127.0.0.1:{listener.getsockname()[1]}" if is_tcp else f"unix:{address}"
        connecting = background(face.connect, address, timeout=PATIENCE)
        with listener.accept()[0] as theirs:
            theirs.sendall(said)
            with pytest.raises(ConnectionClosed) as caught:
                connecting.result(PATIENCE)
    text = str(caught.value)
    assert text.startswith(f"{address} doesn't speak QMP: found {repr(said)[1:]}, which looks like")
    assert re.search(look, text)
    assert text.isprintable()


def test_an_error_in_place_of_a_greeting(face: Face) -> None:
    ours, theirs = socket.socketpair()
    connecting = background(face.connect, ours, timeout=PATIENCE)
    server = ScriptedServer(theirs)
    server.say({"error": {"class": "GenericError", "desc": "already in use"}})
    said = "sent an error in place of a greeting: GenericError: already in use"
    with pytest.raises(ConnectionClosed, match=said):
        connecting.result(PATIENCE)
    server.close()


def test_a_guest_agents_silence(face: Face) -> None:
    ours, theirs = socket.socketpair()
    said = rf"fd:{ours.fileno()} is a guest agent, which never greets \(negotiate=False\)"
    with pytest.raises(TimeoutError, match=said):
        face.connect(ours, timeout=0.05)
    theirs.close()


def test_a_wrong_message_is_the_cause(face: Face) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"17\n")
    with pytest.raises(ConnectionClosed) as caught:
        face.connect(ours, timeout=PATIENCE)
    assert isinstance(caught.value.__cause__, MessageError)
    theirs.close()


def test_nobody_is_there(face: Face, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "none")):
        face.connect(tmp_path / "none")
    with pytest.raises(ValueError, match="found"):
        face.connect("nothing://at/all")


def test_nothing_stays_open_after_a_failure(face: Face, tmp_path: Path) -> None:
    before = open_fds()
    ours, theirs = socket.socketpair()
    with pytest.raises(TimeoutError):
        face.connect(ours, timeout=0.01)
    theirs.close()
    with pytest.raises(TimeoutError):
        face.accept(f"unix:{tmp_path}/a", timeout=0.01)
    with pytest.raises(FileNotFoundError):
        face.launch([str(tmp_path / "none")])
    assert open_fds() == before
    assert list(tmp_path.iterdir()) == []


def test_waiting_for_a_socket(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "late"
    with pytest.raises(TimeoutError, match="it is not there"):
        face.connect(path, wait_for_socket=True, timeout=0.05)
    connecting = background(face.connect, path, wait_for_socket=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(PATIENCE)
        server = ScriptedServer(listener.accept()[0])
    server.greet()
    server.negotiate()
    connecting.result(PATIENCE)
    server.close()


def test_a_server_dials_us(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "here"
    connecting = background(face.accept, path)
    server = ScriptedServer(dial_when_there(path))
    server.greet()
    server.negotiate()
    vm = connecting.result(PATIENCE)
    executing = vm.begin("query-name")
    server.reply(server.command(), {"name": "a"})
    assert executing.result(PATIENCE) == {"name": "a"}
    assert not path.exists()
    server.close()


def test_a_server_dials_a_socket_of_ours(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(socket.create_connection(listener.getsockname()))
        connecting = background(face.accept, listener)
        server.greet()
        server.negotiate()
        connecting.result(PATIENCE)
        server.close()


def test_a_socket_that_listens_stays_the_callers(face: Face) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        for _ in range(2):
            server = ScriptedServer(socket.create_connection(listener.getsockname()))
            connecting = background(face.accept, listener)
            server.greet()
            server.negotiate()
            connecting.result(PATIENCE)
            assert listener.gettimeout() == PATIENCE
            server.close()
        with pytest.raises(TimeoutError, match="nobody connected"):
            face.accept(listener, timeout=0.01)
        socket.create_connection(listener.getsockname()).close()
        listener.accept()[0].close()


def test_a_socket_that_cannot_be_accepted_on(face: Face) -> None:
    with socket.socket() as sock, pytest.raises(ValueError, match="expected a socket that listens"):
        face.accept(sock, timeout=PATIENCE)
    with (
        socket.create_server(("0.0.0.0", 0)) as listener,
        pytest.raises(PermissionError, match="can be reached from other machines"),
    ):
        face.accept(listener, timeout=PATIENCE)


def dial_when_there(path: Path) -> socket.socket:
    """Connect with retries until the server listens."""
    from qmpeer.transport import dial

    return dial(path, timeout=PATIENCE, wait_for_socket=True)


def test_nobody_dials_us(face: Face, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=re.escape("nobody connected in 0.02 s")):
        face.accept(tmp_path / "here", timeout=0.02)


def test_without_negotiation(face: Face) -> None:
    with connected(face, negotiate=False) as (vm, server):
        assert vm.greeting is None
        assert vm.capabilities == ()
        executing = vm.begin("guest-sync", {"id": 5})
        command = server.command()
        assert command["arguments"] == {"id": 5}
        server.line_end = b"\n"
        server.reply(command, 5)
        assert executing.result(PATIENCE) == 5


def test_our_own_monitor(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        version = {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": "ours"}
        assert vm.execute("query-version") == version
        assert {"name": "hold"} in vm.execute("query-commands")
        assert json.dumps(vm.execute("echo", {"value": [1, None]})) == '{"value": [1, null]}'
    assert __version__


def test_nobody_listens_to_the_network_unasked(face: Face) -> None:
    with pytest.raises(PermissionError, match=r"unix socket, or insecure=True\Z"):
        face.accept("tcp:0.0.0.0:0", timeout=0.02)
    with pytest.raises(TimeoutError, match="nobody connected"):
        face.accept("tcp:0.0.0.0:0", timeout=0.02, insecure=True)
