"""Both clients over TLS and WebSocket: to our server, to QEMU, and to other servers."""

import json
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from qmpeer import CommandError, ConnectionClosed
from qmpeer.cli.main import main
from qmpeer.sources import load_schema
from qmpeer.transport.filters import WebSocketFilter, x509_context
from tests.client.faces import Face, background
from tests.interop.conftest import OURS, Server, starting
from tests.interop.test_at_hand import port_of
from tests.patience import PATIENCE
from tests.qemu import QEMU
from tests.transport.filters.certificates import Authority

pytestmark = pytest.mark.real


class Site(NamedTuple):
    """A server with several TLS and WebSocket monitors, and folders of clients' certificates."""

    server: Server
    folder: Path

    def port(self, label: str) -> int:
        return int(port_of(self.server, label))

    def address(
        self, scheme: str, client: str = "friend", *options: str, port: int | None = None
    ) -> str:
        if port is None:
            port = self.port(scheme)
        if scheme == "ws":
            return f"ws://127.0.0.1:{port}/"
        query = "&".join([f"dir={self.folder}/{client}", *options])
        return f"{scheme}:127.0.0.1:{port}?{query}".replace("wss:", "wss://")

    def complaints(self) -> str:
        """Return the server's stderr so far."""
        return (self.folder / "stderr").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make certificates of a server and of several clients."""
    folder = tmp_path_factory.mktemp("site")
    authority, other = Authority(), Authority("another authority")
    friend = authority.issue("friend")
    authority.fill(folder / "server", server=authority.issue("server"))
    authority.fill(folder / "friend", client=friend)
    authority.fill(folder / "nobody")
    other.fill(folder / "stranger", client=other.issue("friend"))
    other.fill(folder / "mistaken", client=friend)
    authority.fill(folder / "half", client=friend)
    (folder / "half" / "client-key.pem").write_text("-----BEGIN")
    return folder


def credentials(folder: Path) -> tuple[str, str]:
    text = f"tls-creds-x509,id=tls,endpoint=server,dir={folder}/server,verify-peer=on"
    return "-object", text


def monitor(label: str, extra: str) -> list[str]:
    device = f"socket,id={label},host=127.0.0.1,port=0,server=on,wait=off,{extra}"
    return ["-chardev", device, "-mon", f"chardev={label},mode=control"]


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    """Our server."""
    options = [
        *credentials(folder),
        *("-object", "authz-simple,id=who,identity=CN=friend"),
        *monitor("tls", "tls-creds=tls,tls-authz=who"),
        *monitor("ws", "websocket=on"),
        *monitor("wss", "websocket=on,tls-creds=tls"),
    ]
    with (folder / "stderr").open("w") as stderr, starting(folder, stderr) as start:
        yield Site(Server(OURS, folder / "qmp", start, options), folder)


@pytest.fixture(scope="module")
def qemu_site(folder: Path, program: Callable[[str], str]) -> Iterator[Site]:
    """QEMU."""
    options = [*credentials(folder), *monitor("tls", "tls-creds=tls")]
    qemu = program(QEMU)
    with starting(folder) as start:
        yield Site(Server((qemu,), folder / "qemu", start, options), folder)


@pytest.mark.parametrize("scheme", ["tls", "ws", "wss"])
def test_commands_and_events(face: Face, site: Site, scheme: str) -> None:
    with face.connect(site.address(scheme), timeout=PATIENCE) as vm:
        mark = vm.event_mark()
        vm.execute("stop")
        assert vm.wait_event("STOP", since=mark, timeout=PATIENCE).data == {}
        assert vm.execute("query-status")["status"] == "paused"
        vm.execute("cont")
        with pytest.raises(CommandError, match="has not been found"):
            vm.execute("a-long-one", {"x": "y" * (1 << 20)})
        waiting = [vm.begin("query-qmp-schema") for _ in range(20)]
        answers = [future.result(PATIENCE) for future in waiting]
        assert len(answers[0]) > 100
        assert all(answer == answers[0] for answer in answers)
        with pytest.raises(TimeoutError):
            vm.wait_event("NEVER", timeout=0.05)
        with pytest.raises(ValueError, match="descriptors travel over"):
            vm.execute("getfd", {"fdname": "a"}, fds=[0])
        vm.execute("query-status")


@pytest.mark.parametrize("scheme", ["tls", "wss"])
def test_the_server_goes_away(face: Face, site: Site, scheme: str) -> None:
    """It sends no close_notify then, which isn't an error here."""
    with (
        Relay(site.port(scheme)) as relay,
        face.connect(site.address(scheme, port=relay.port), timeout=PATIENCE) as vm,
    ):
        relay.cut()
        with pytest.raises(ConnectionClosed, match="the server closed the connection"):
            vm.wait_event("NEVER", timeout=PATIENCE)


def test_it_is_left_with_a_goodbye(face: Face, site: Site) -> None:
    """Otherwise it would complain. When it accepts the next client, it is done with this one."""
    before = ""
    for turn in range(3):
        for scheme in ("tls", "ws", "wss"):
            face.connect(site.address(scheme), timeout=PATIENCE).close()
        if turn == 0:
            before = site.complaints()
    assert site.complaints() == before


REFUSED = {
    "no certificate": ("nobody", (), "certificate required|the server closed|refuses us"),
    "another authority": ("stranger", (), "the peer's certificate is refused: .*"),
    "another name": (
        "friend",
        ("tls-hostname=vm.example",),
        "the peer's certificate is refused: Hostname mismatch",
    ),
    "no folder": ("missing", (), "Unable to access credentials .*/missing/ca-cert.pem: No such"),
}


@pytest.mark.parametrize(("client", "options", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_who_is_refused(
    face: Face, site: Site, client: str, options: tuple[str, ...], reason: str
) -> None:
    with pytest.raises((OSError, ConnectionClosed), match=reason):
        face.connect(site.address("tls", client, *options), timeout=PATIENCE)
    face.connect(site.address("tls"), timeout=PATIENCE).close()


def test_any_server_will_do(face: Face, site: Site) -> None:
    with pytest.raises(OSError, match="certificate is refused"):
        face.connect(site.address("tls", "mistaken"), timeout=PATIENCE)
    address = site.address("tls", "mistaken", "verify-peer=off")
    face.connect(address, timeout=PATIENCE).close()


def test_the_systems_authorities(face: Face, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    address = site.address("wss").partition("?")[0]
    with pytest.raises(OSError, match="certificate is refused"):
        face.connect(address, timeout=PATIENCE)
    monkeypatch.setenv("SSL_CERT_FILE", f"{site.folder}/friend/ca-cert.pem")
    # The system trusts the server now, but the server also asks for our certificate.
    with pytest.raises((OSError, ConnectionClosed), match="certificate required"):
        face.connect(address, timeout=PATIENCE)


def test_a_context_of_ones_own(face: Face, site: Site) -> None:
    context = x509_context(site.folder / "friend", server_side=False)
    address = site.address("tls").partition("?")[0]
    face.connect(address, timeout=PATIENCE, tls=context).close()
    assert context.check_hostname


@pytest.mark.parametrize("scheme", ["tcp", "ws"])
def test_a_context_where_nothing_is_encrypted(face: Face, scheme: str) -> None:
    slashes = "//" * (scheme == "ws")
    with pytest.raises(ValueError, match=f"found tls= with {scheme}:.*expected an address of tls"):
        face.connect(f"{scheme}:{slashes}127.0.0.1:1", tls=ssl.create_default_context())


def test_a_certificate_that_is_half_written(face: Face, site: Site) -> None:
    with pytest.raises(OSError, match="Unable to load certificate"):
        face.connect(site.address("tls", "half"), timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["tls", "wss"])
def test_a_recording_holds_qmp(face: Face, site: Site, scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "vm.txt"
    with face.connect(site.address(scheme), timeout=PATIENCE, record=path) as vm:
        vm.execute("query-version")
    lines = [line for line in path.read_text("ascii").splitlines() if "@ time" not in line]
    greeting, *_, command, answer, closed = lines[2:]
    assert greeting.startswith('<- {"QMP": ')
    assert command.startswith('-> {"execute":"query-version"')
    assert answer.startswith('<- {"return": {"qemu": ')
    assert closed == "@ closed by client"


@pytest.mark.parametrize("call", ["event_mark", "execute", "close"])
def test_pings_without_a_pause(face: Face, call: str) -> None:
    with Pinging() as server:
        vm = face.connect(f"ws://127.0.0.1:{server.port}", negotiate=False, timeout=PATIENCE)
        if call == "execute":
            with pytest.raises(TimeoutError):
                vm.execute("x", timeout=0.2)
        elif call == "event_mark":
            background(vm.event_mark).result(PATIENCE)
        background(vm.close).result(PATIENCE)


class Pinging:
    """A WebSocket server that only sends pings, many more than were answered."""

    PING, PONG_SIZE = b"\x89\x00", 6
    AHEAD = 20_000

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, suppress(OSError):
            filter = WebSocketFilter()
            _, answer = filter.receive(client.recv(65536))
            client.sendall(answer)
            client.setblocking(False)
            sent = received = 0
            text = self.PING * 10_000
            while True:
                is_ahead = sent // len(self.PING) - received // self.PONG_SIZE > self.AHEAD
                readable, writable, _ = select.select([client], [] if is_ahead else [client], [])
                if writable:
                    sent += client.send(text[sent % len(self.PING) :])
                if readable:
                    answers = client.recv(1 << 20)
                    if not answers:
                        return
                    received += len(answers)

    def __enter__(self) -> "Pinging":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.close()
        self._thread.join(PATIENCE)


def test_reconnecting(face: Face, site: Site) -> None:
    with Relay(site.port("tls")) as relay:
        address = site.address("tls", port=relay.port)
        with face.connect(address, timeout=PATIENCE, reconnect=PATIENCE) as vm:
            assert vm.execute("query-status")["running"]
            relay.cut()
            while not vm.client.interruptions:
                vm.event_mark()
            assert vm.execute("query-status")["running"]
            assert len(vm.client.interruptions) == 1


class Relay:
    """A relay between two ends, one client after the other."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        assert self._client is not None
        self._client.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with (
                client,
                socket.create_connection(("127.0.0.1", self._upstream)) as server,
                suppress(ConnectionError),
            ):
                self._client = client
                while data := self._next(client, server):
                    to, text = data
                    to.sendall(text)

    def _next(
        self, client: socket.socket, server: socket.socket
    ) -> tuple[socket.socket, bytes] | None:
        readable, _, _ = select.select([client, server], [], [])
        text = readable[0].recv(65536)
        return (server if readable[0] is client else client, text) if text else None

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)


def test_a_schema_through_tls(site: Site) -> None:
    assert len(list(load_schema(site.address("tls")).commands())) > 30


def test_the_tools(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    for scheme in ("tls", "ws", "wss"):
        assert main(["exec", site.address(scheme), "query-status"]) == 0
        assert json.loads(capfd.readouterr().out)["status"] == "running"
        assert main(["shell", site.address(scheme), "-c", "query-name"]) == 0
        assert json.loads(capfd.readouterr().out) == {}
    assert main(["exec", site.address("tls", "stranger"), "query-status"]) == 3
    assert "qmpeer exec: the peer's certificate is refused: " in capfd.readouterr().err


def test_without_wsproto(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "qmpeer.transport.filters.websocket_frames", None)
    assert main(["exec", "ws://127.0.0.1:1", "query-status"]) == 3
    text = "qmpeer exec: WebSocket needs wsproto: pip install '.[websocket]' in qmpeer's checkout\n"
    assert capsys.readouterr().err == text


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """Answer each client with the given bytes and stay connected; None sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(ConnectionError):
                client.recv(65536)
                if answer is not None:
                    client.sendall(answer)
                client.recv(65536)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
    thread.join(PATIENCE)


STRANGE = {
    "HTTP on ws": ("ws", b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
    "QMP on ws": ("ws", b'{"QMP": {}}\r\n', "^ws://127.* no HTTP server: found .*QMP as it is"),
    "QMP on tls": ("tls", b'{"QMP": {}}\r\n', "^tls:127.* than TLS.*: found .*QMP as it is"),
    "ssh on tls": ("tls", b"SSH-2.0-x\r\n", "looks like an SSH server"),
    "the human monitor on wss": ("wss", b"QEMU 7.2.0 monitor - type 'help'", "human monitor"),
    "QMP on wss": ("wss", b'{"QMP": {}}\r\n', "found something else than TLS"),
    "an endless header": ("ws", b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 9000, "HTTP header is long"),
}


@pytest.mark.parametrize(("scheme", "answer", "reason"), STRANGE.values(), ids=list(STRANGE))
def test_who_is_no_such_server(face: Face, scheme: str, answer: bytes, reason: str) -> None:
    slashes = "" if scheme == "tls" else "//"
    with (
        answering(answer) as port,
        pytest.raises(OSError, match=reason),
    ):
        face.connect(f"{scheme}:{slashes}127.0.0.1:{port}", timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["tls", "ws"])
def test_who_says_nothing(face: Face, scheme: str) -> None:
    slashes = "" if scheme == "tls" else "//"
    name = {"tls": "TLS", "ws": "WebSocket"}[scheme]
    with (
        answering(None) as port,
        pytest.raises(TimeoutError, match=rf"waited 0\.2 s for {scheme}.*{name} handshake"),
    ):
        face.connect(f"{scheme}:{slashes}127.0.0.1:{port}", timeout=0.2)


def test_cancelled_while_shaking_hands(face: Face) -> None:
    with answering(None) as port:
        connecting = background(face.connect, f"tls:127.0.0.1:{port}", timeout=0.3)
        with pytest.raises(TimeoutError):
            connecting.result(PATIENCE)


def test_qemus_tls(face: Face, qemu_site: Site) -> None:
    """QEMU's monitor reads one byte of each record, and then waits for the next record."""
    address = qemu_site.address("tls", "friend", "one-byte-records=on")
    with face.connect(address, timeout=PATIENCE) as vm:
        assert len(vm.execute("query-qmp-schema")) > 1000
        mark = vm.event_mark()
        vm.execute("stop")
        vm.wait_event("STOP", since=mark, timeout=PATIENCE)
        vm.execute("cont")
