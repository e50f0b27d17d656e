"""Faults of the transports to a monitor: it keeps running, doesn't grow, and logs one line.

The monitor is ``qmpeer serve``; a second monitor shows that it keeps running.
"""

import contextlib
import os
import socket
import ssl
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import TracebackType

import pytest

from tests.client.faces import background
from tests.machine.serving import Serving
from tests.patience import PATIENCE
from tests.transport.filters.certificates import Authority

MEBIBYTE = 1 << 20
GROWTH = 3 * MEBIBYTE
"""The allowed growth of a server's memory."""

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Faulty(Serving):
    """A server with monitors of every kind, and the state that a fault must not change."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._stderr = folder / "stderr"
        with self._stderr.open("w") as stderr:  # a file never blocks it, as a pipe might
            super().__init__(folder / "qmp", *options, stderr=stderr)
        self.vm = self.client()
        self.begin()

    def begin(self) -> None:
        """Record the state before a fault."""
        self._before = self.memory()
        self._said = len(self.said_in_all())

    def memory(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def descriptors(self) -> list[str]:
        return os.listdir(f"/proc/{self.process.pid}/fd")

    def filename(self, label: str) -> str:
        (name,) = (c["filename"] for c in self.vm.execute("query-chardev") if c["label"] == label)
        return str(name)

    def dial(self, label: str) -> socket.socket:
        port = self.filename(label).partition(",")[0].rpartition(":")[2]
        sock = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def said_in_all(self) -> str:
        return self._stderr.read_text()

    def said(self, growth: int = GROWTH) -> str:
        """Assert that the server runs and hasn't grown; return its stderr since `begin`."""
        assert self.vm.execute("query-status")["running"]
        assert self.memory() - self._before < growth
        return self.said_in_all()[self._said :]

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                self.vm.execute("quit")
                assert self.wait() == 0
        finally:
            self.vm.close()
            self.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    folder = tmp_path_factory.mktemp("wires")
    make_certificates(folder)
    faulty = Faulty(
        folder,
        *(*tls(folder), *tcp("tcp"), *tcp("telnet", ",telnet=on"), *tcp("ws", ",websocket=on")),
        *tcp("full", ",logfile=/dev/full"),
    )
    with faulty:
        yield faulty


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """Start a server that allows half a second for a handshake."""
    folder = tmp_path_factory.mktemp("hasty")
    make_certificates(folder)
    with Faulty(folder, *tls(folder), "--handshake-timeout", "0.5") as faulty:
        yield faulty


@pytest.fixture
def server(running: Faulty) -> Faulty:
    """Return the server that all tests share: it must survive each of them."""
    running.begin()
    return running


def monitor(device: str, mode: str = "control") -> tuple[str, ...]:
    label = device.partition("id=")[2].partition(",")[0]
    return ("-chardev", device, "-mon", f"chardev={label},mode={mode}")


def tcp(label: str, extra: str = "") -> tuple[str, ...]:
    return monitor(f"socket,id={label},host=127.0.0.1,port=0,server=on,wait=off{extra}")


def tls(folder: Path) -> tuple[str, ...]:
    credentials = f"tls-creds-x509,id=tls,endpoint=server,dir={folder}/server,verify-peer=on"
    return ("-object", credentials, *tcp("tls", ",tls-creds=tls"))


def several(name: str, few: int, many: int) -> pytest.MarkDecorator:
    """Repeat a test for about a second, and longer in the slow tests."""
    return pytest.mark.parametrize(name, [few, pytest.param(many, marks=pytest.mark.slow)])


def rest(sock: socket.socket) -> bytes:
    """Read to the end, even if that is a reset."""
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


def make_certificates(folder: Path) -> None:
    """Make folders with certificates of a server and of its clients."""
    ours, theirs = Authority(), Authority("another authority")
    revoked = ours.issue("revoked")
    ours.fill(folder / "server", server=ours.issue("server"), revoked=[revoked])
    for name, issued in (
        ("good", ours.issue("good")),
        ("expired", ours.issue("expired", age=9)),
        ("revoked", revoked),
        ("wrong", theirs.issue("wrong")),
    ):
        ours.fill(folder / name, client=issued)


def handshake(server: Faulty, name: str) -> bytes:
    """Connect with a client's certificate; return the greeting, or b"" if refused."""
    folder = server.folder
    context = ssl.create_default_context(cafile=str(folder / "server" / "ca-cert.pem"))
    if name != "nobody":
        context.load_cert_chain(folder / name / "client-cert.pem", folder / name / "client-key.pem")
    with server.dial("tls") as raw:
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
def test_certificates_that_are_refused(server: Faulty, name: str, said: str) -> None:
    assert b'"QMP"' in handshake(server, "good")
    assert handshake(server, name) == b""
    assert b'"QMP"' in handshake(server, "good")
    assert said in server.said()


@pytest.mark.parametrize(
    "first",
    [b'{"execute": "qmp_capabilities"}\n', bytes(range(128, 256)) * 32],
    ids=["clear text", "noise"],
)
def test_handshakes_that_are_none(server: Faulty, first: bytes) -> None:
    with server.dial("tls") as sock:
        sock.sendall(first)
        assert b'"QMP"' not in rest(sock)
    assert b'"QMP"' in handshake(server, "good")
    assert "refused: " in server.said()


@pytest.mark.parametrize("first", [b"\x16\x03\x01", b""], ids=["half", "silence"])
def test_handshakes_that_do_not_end(hasty: Faulty, first: bytes) -> None:
    hasty.begin()
    for _ in range(2):  # the first client doesn't keep others out
        with hasty.dial("tls") as sock:
            sock.sendall(first)
            assert b'"QMP"' not in rest(sock)
    assert hasty.said().count("the TLS handshake is not over") == 2


# --- WebSocket and telnet -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 4096, b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"X" * 65536],
    ids=["zeros", "another path", "another verb", "no end"],
)
def test_garbage_before_an_upgrade(server: Faulty, garbage: bytes) -> None:
    with server.dial("ws") as sock:
        sock.sendall(garbage)
        assert b'"QMP"' not in rest(sock)
    with server.dial("ws") as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
    assert "refused: " in server.said()


def test_a_frame_of_a_gibibyte(server: Faulty) -> None:
    with server.dial("ws") as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
        sock.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 30) + bytes(4))
        closing = rest(sock)
    assert closing[:4] == b"\x88" + closing[1:2] + struct.pack(">H", 1009)  # too big
    with server.dial("ws") as sock:
        sock.sendall(UPGRADE)
        greeting(sock)
    assert str(1 << 30) in server.said()


@pytest.mark.parametrize(
    ("unit", "is_cut"),
    [(b"\xff\xf1", False), (b"\xff\xfd\x01", False), (b"\xff\xfa\x18\0", True)],
    ids=["nothing to do", "asking for echo", "a subnegotiation without end"],
)
@several("size", MEBIBYTE // 2, 8 * MEBIBYTE)
def test_a_flood_of_telnet_commands(server: Faulty, unit: bytes, is_cut: bool, size: int) -> None:
    flood = unit + b"v" * size if is_cut else unit * (size // len(unit))
    with server.dial("telnet") as sock:
        greeting(sock)
        sock.settimeout(10 * PATIENCE)
        try:
            sock.sendall(flood)
            if not is_cut:
                sock.sendall(b'{"execute": "qmp_capabilities"}')
        except (ConnectionResetError, BrokenPipeError):
            assert is_cut
        answer = rest(sock) if is_cut else sock.recv(1 << 16)
    assert (b'"return"' in answer) is not is_cut
    with server.dial("telnet") as sock:
        greeting(sock)
    said = server.said(growth=max(GROWTH, 3 * size))
    assert ("a subnegotiation is longer than" in said) is is_cut


# --- Crowds, terminals, disks -------------------------------------------------------------------


@pytest.mark.parametrize("label", ["tcp", "telnet", "ws"])
@several("least", 500, 10_000)
def test_many_connects(server: Faulty, label: str, least: int) -> None:
    """While one client connects and leaves repeatedly, others are answered."""
    with server.dial(label) as sock:
        address = sock.getpeername()
    is_over = Event()
    crowding = background(crowd, address, least, is_over)
    try:
        for _ in range(20):
            assert server.vm.execute("query-status")["running"]
            assert not crowding.done()
    finally:
        is_over.set()
    crowding.result(PATIENCE)
    with server.dial(label) as sock:
        if label == "ws":
            sock.sendall(UPGRADE)
        greeting(sock)
    server.said()


def crowd(address: tuple[str, int], least: int, is_over: Event) -> None:
    """Connect and leave at least `least` times, until `is_over`."""
    connecting: deque[socket.socket] = deque()
    count = 0
    while count < least or not is_over.is_set():
        connecting.append(socket.socket())
        connecting[-1].setblocking(False)
        connecting[-1].connect_ex(address)
        count += 1
        if len(connecting) > 5:  # long enough to be accepted if there is room
            connecting.popleft().close()
    for sock in connecting:
        sock.close()


def test_a_crowd_that_stays(server: Faulty) -> None:
    """Further clients wait without an answer, and cost the server nothing."""
    before = len(server.descriptors())
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(server.dial("tcp"))
        greeting(first)
        address = first.getpeername()
        for _ in range(200):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(address)
        assert server.vm.execute("query-status")["running"]
        assert len(server.descriptors()) < before + 10
    with server.dial("tcp") as sock:
        greeting(sock)
    server.said()


@pytest.mark.terminal
@several("turns", 500, 2_000)
def test_a_pty_that_nobody_opens(tmp_path: Path, turns: int) -> None:
    ptys = (*monitor("pty,id=pty"), *monitor("pty,id=human", mode="readline"))
    with Faulty(tmp_path, *ptys) as server:
        for _ in range(turns):
            server.vm.execute("stop")
            server.vm.execute("cont")
        assert "/dev/pts/" in server.filename("pty")
        server.said()


def test_a_disk_that_is_full(server: Faulty) -> None:
    with server.dial("full") as sock:
        greeting(sock)
        for _ in range(100):
            sock.sendall(b'{"execute": "qmp_capabilities"}')
            assert sock.recv(1 << 16)
    server.said()
    assert server.said_in_all().count("No space left on device") == 1
