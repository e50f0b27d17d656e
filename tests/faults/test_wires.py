"""What goes wrong on the wires to a monitor: it goes on, keeps its memory, and says a line.

The monitor is ``qmpeer serve``, with a second way in through which it is seen to go on.
"""

import contextlib
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from tests.client.faces import background
from tests.machine.serving import PATIENCE, Serving
from tests.transport.filters.certificates import Authority

MEBIBYTE = 1 << 20
GROWTH = 24 * MEBIBYTE
"""What a server's memory may grow by."""
FLOOD = 8 * MEBIBYTE
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
CROWD = 10_000 if LONG else 1000

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

Serve = Callable[..., "Faulty"]


class Faulty:
    """A serving machine, with what a fault must leave as it is."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.serving = Serving(folder / "qmp", "--handshake-timeout", "0.5", *options)
        assert self.serving.process.stderr is not None
        self._said = background(self.serving.process.stderr.read)  # so that it is never stopped
        self.vm: Client = self.serving.client()
        self._before = self.memory()

    def memory(self) -> int:
        status = Path(f"/proc/{self.serving.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def filename(self, label: str) -> str:
        (name,) = (c["filename"] for c in self.vm.execute("query-chardev") if c["label"] == label)
        return str(name)

    def dial(self, label: str = "x") -> socket.socket:
        port = self.filename(label).partition(",")[0].rpartition(":")[2]
        sock = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def end(self) -> str:
        """See that it goes on and hasn't grown, and end it; return what it said on stderr."""
        assert self.vm.execute("query-status")["running"]
        assert self.memory() - self._before < GROWTH
        self.vm.execute("quit")
        self.vm.close()
        self.serving.wait()
        said: str = self._said.result(PATIENCE)
        return said


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started = []

    def begin(*options: str) -> Faulty:
        started.append(Faulty(tmp_path, *options))
        return started[-1]

    yield begin
    for faulty in started:
        faulty.vm.close()
        faulty.serving.__exit__(None, None, None)


def monitor(device: str, mode: str = "control") -> tuple[str, ...]:
    return ("-chardev", f"{device},id=x", "-mon", f"chardev=x,mode={mode}")


def tcp(extra: str) -> tuple[str, ...]:
    return monitor(f"socket,host=127.0.0.1,port=0,server=on,wait=off{extra}")


def rest(sock: socket.socket) -> bytes:
    """Read to the end, however it comes."""
    data = b""
    try:
        while more := sock.recv(1 << 16):
            data += more
    except ConnectionResetError:
        pass
    return data


def greeting(sock: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") or b'"QMP"' not in data:
        more = sock.recv(1 << 16)
        assert more, data
        data += more
    return data


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def tls(serve: Serve, tmp_path: Path) -> Faulty:
    """A server that asks its clients for certificates."""
    ours, theirs = Authority(), Authority("another authority")
    revoked = ours.issue("revoked")
    ours.fill(tmp_path / "server", server=ours.issue("server"), revoked=[revoked])
    for name, issued in (
        ("good", ours.issue("good")),
        ("expired", ours.issue("expired", age=9)),
        ("revoked", revoked),
        ("wrong", theirs.issue("wrong")),
    ):
        ours.fill(tmp_path / name, client=issued)
    credentials = f"tls-creds-x509,id=tls,endpoint=server,dir={tmp_path}/server,verify-peer=on"
    return serve("-object", credentials, *tcp(",tls-creds=tls"))


def handshake(tls: Faulty, folder: Path, name: str) -> bytes:
    """Connect as somebody; return the greeting, or nothing where it is refused."""
    context = ssl.create_default_context(cafile=str(folder / "server" / "ca-cert.pem"))
    if name != "nobody":
        context.load_cert_chain(folder / name / "client-cert.pem", folder / name / "client-key.pem")
    with tls.dial() as raw:
        try:
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as sock:
                return greeting(sock)
        except ssl.SSLError:
            return b""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrong", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("revoked", "certificate revoked"),
        ("nobody", "has sent no certificate"),
    ],
)
def test_certificates_that_are_refused(tls: Faulty, tmp_path: Path, name: str, said: str) -> None:
    assert b'"QMP"' in handshake(tls, tmp_path, "good")
    assert handshake(tls, tmp_path, name) == b""
    assert b'"QMP"' in handshake(tls, tmp_path, "good")
    assert said in tls.end()


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"\x16\x03\x01", "the TLS handshake is not over"),
        (b"", "the TLS handshake is not over"),
        (b'{"execute": "qmp_capabilities"}\n', "refused: "),
        (os.urandom(4096), "refused: "),
    ],
    ids=["half", "silence", "clear text", "noise"],
)
def test_handshakes_that_are_none(tls: Faulty, tmp_path: Path, first: bytes, said: str) -> None:
    with tls.dial() as sock:
        sock.sendall(first)
        assert b'"QMP"' not in rest(sock)
    assert b'"QMP"' in handshake(tls, tmp_path, "good")
    assert said in tls.end()


# --- WebSocket and telnet -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 4096, b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"X" * 65536],
    ids=["zeros", "another path", "another verb", "no end"],
)
def test_garbage_before_an_upgrade(serve: Serve, garbage: bytes) -> None:
    server = serve(*tcp(",websocket=on"))
    with server.dial() as sock:
        sock.sendall(garbage)
        assert b'"QMP"' not in rest(sock)
    with server.dial() as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
    assert "refused: " in server.end()


def test_a_frame_of_a_gibibyte(serve: Serve) -> None:
    server = serve(*tcp(",websocket=on"))
    with server.dial() as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
        sock.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 30) + bytes(4))
        closing = rest(sock)
    assert closing[:4] == b"\x88" + closing[1:2] + struct.pack(">H", 1009)  # too big
    with server.dial() as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
    assert str(1 << 30) in server.end()


@pytest.mark.parametrize(
    ("unit", "is_cut"),
    [(b"\xff\xf1", False), (b"\xff\xfd\x01", False), (b"\xff\xfa\x18\0", True)],
    ids=["nothing to do", "asking for echo", "a subnegotiation without end"],
)
def test_a_flood_of_telnet_commands(serve: Serve, unit: bytes, is_cut: bool) -> None:
    server = serve(*tcp(",telnet=on"))
    flood = unit + b"v" * MEBIBYTE if is_cut else unit * (FLOOD // len(unit))
    with server.dial() as sock:
        greeting(sock)
        try:
            sock.sendall(flood)
            if not is_cut:
                sock.sendall(b'{"execute": "qmp_capabilities"}')
        except (ConnectionResetError, BrokenPipeError):
            assert is_cut
        answer = rest(sock) if is_cut else sock.recv(1 << 16)
    assert (b'"return"' in answer) is not is_cut
    with server.dial() as sock:
        greeting(sock)
    said = server.end()
    assert ("a subnegotiation is longer than" in said) is is_cut


# --- Crowds, terminals, disks -------------------------------------------------------------------


@pytest.mark.parametrize("extra", ["", ",telnet=on", ",websocket=on"], ids=["tcp", "telnet", "ws"])
def test_many_connects(serve: Serve, extra: str) -> None:
    """Somebody connects again and again, and leaves at once; whoever is there is served."""
    server = serve(*tcp(extra))
    with server.dial() as sock:
        address = sock.getpeername()
    connecting: deque[socket.socket] = deque()
    for number in range(CROWD):
        connecting.append(socket.socket())
        connecting[-1].setblocking(False)
        connecting[-1].connect_ex(address)
        if len(connecting) > 5:  # long enough to be let in, where there is room
            connecting.popleft().close()
        if number % 2 == 0:  # the server's answer is the beat: it lets some in between
            server.vm.execute("query-status")
    for sock in connecting:
        sock.close()
    with server.dial() as sock:
        if "websocket" in extra:
            sock.sendall(UPGRADE)
        greeting(sock)
    server.end()


def test_a_crowd_that_stays(serve: Serve) -> None:
    """Who comes while somebody is there waits in silence, and costs the server nothing."""
    server = serve(*tcp(""))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(server.dial())
        greeting(first)
        address = first.getpeername()
        for _ in range(200):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(address)
        assert server.vm.execute("query-status")["running"]
        assert len(os.listdir(f"/proc/{server.serving.process.pid}/fd")) < 50
    with server.dial() as sock:
        greeting(sock)
    server.end()


@pytest.mark.terminal
def test_a_pty_that_nobody_opens(serve: Serve) -> None:
    server = serve(*monitor("pty"), *monitor_again("pty"))
    for _ in range(2000):
        server.vm.execute("stop")
        server.vm.execute("cont")
    assert "/dev/pts/" in server.filename("x")
    server.end()


def monitor_again(device: str) -> tuple[str, ...]:
    return ("-chardev", f"{device},id=y", "-mon", "chardev=y,mode=readline")


def test_a_disk_that_is_full(serve: Serve) -> None:
    server = serve(*tcp(",logfile=/dev/full"))
    with server.dial() as sock:
        greeting(sock)
        for _ in range(100):
            sock.sendall(b'{"execute": "qmp_capabilities"}')
            assert sock.recv(1 << 16)
    said = server.end()
    assert said.count("No space left on device") == 1
