"""Common tools with our monitors: socat, nc, openssl, a browser, tmux, and QEMU itself."""

import http.server
import json
import os
import queue
import re
import select
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from qmpeer import Client
from tests.interop.conftest import OURS, Server, StartProgram, StartServer, starting
from tests.interop.speaking import converse
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.tmux import Terminal
from tests.transport.filters.certificates import Authority

pytestmark = pytest.mark.real

Program = Callable[[str], str]
NEGOTIATE = '{"execute": "qmp_capabilities"}\n'
QUERY = '{"execute": "query-status", "id": "mine"}\n'
ANSWER = {"return": {"status": "running", "singlestep": False, "running": True}, "id": "mine"}


@pytest.fixture
def serve(start: StartProgram, tmp_path: Path) -> StartServer:
    """Start ``qmpeer serve`` with one QMP monitor and other options."""
    return lambda *options: Server(OURS, tmp_path / "qmp", start, options)


class Site(NamedTuple):
    """A server with a monitor on each transport, and a folder with clients' certificates."""

    server: Server
    folder: Path
    web: "Web"

    def port(self, label: str) -> str:
        return port_of(self.server, label)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    authority = Authority()
    authority.fill(folder / "server", server=authority.issue("server"))
    for name in ("friend", "stranger"):
        authority.fill(folder / name, client=authority.issue(name))
    tls = "socket,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls"
    with Web() as web, starting(folder) as start:
        options = [
            *("-qmp", "tcp:127.0.0.1:0,server=on,wait=off"),
            *("-qmp", "telnet:127.0.0.1:0,server=on,wait=off"),
            *("-qmp", "websocket:127.0.0.1:0,server=on,wait=off", "--allow-origin", web.origin),
            *("-monitor", f"unix:{folder}/hmp,server=on,wait=off"),
            *(
                "-object",
                f"tls-creds-x509,id=tls,endpoint=server,dir={folder}/server,verify-peer=on",
            ),
            *("-object", "authz-simple,id=who,identity=CN=friend"),
            *("-chardev", f"{tls},id=any", "-mon", "chardev=any,mode=control"),
            *("-chardev", f"{tls},tls-authz=who,id=one", "-mon", "chardev=one,mode=control"),
        ]
        server = Server(OURS, folder / "qmp", start, options)
        until_listening(folder / "hmp", server.process)  # opened last
        yield Site(server, folder, web)


TCP, TELNET, WEBSOCKET, HMP = (f"compat_monitor{number}" for number in range(1, 5))
"""The labels of the server's monitors; the first is the unix socket's."""


def check(heard: list[str]) -> None:
    greeting, negotiated, answer = heard
    assert "QMP" in json.loads(greeting)
    assert json.loads(negotiated) == {"return": {}}
    assert json.loads(answer) == ANSWER


def port_of(server: Server, label: str) -> str:
    with Client.connect(server.path) as vm:
        (name,) = (c["filename"] for c in vm.execute("query-chardev") if c["label"] == label)
    return str(name).partition(",")[0].rpartition(":")[2]


def test_nc_on_a_unix_socket(site: Site, program: Program) -> None:
    check(converse([program("nc"), "-U", str(site.server.path)], NEGOTIATE, QUERY))


@pytest.mark.parametrize("target", ["UNIX-CONNECT:{path}", "TCP:127.0.0.1:{port}"])
def test_socat(site: Site, program: Program, target: str) -> None:
    place = target.format(path=site.server.path, port=site.port(TCP))
    check(converse([program("socat"), "-", place], NEGOTIATE, QUERY))


def test_telnet_option(site: Site, program: Program) -> None:
    """With telnet=on, a real telnet negotiates, and nothing of that appears in the JSON."""
    argv = [program("telnet"), "127.0.0.1", site.port(TELNET)]
    check(converse(argv, NEGOTIATE, QUERY))


# --- TLS ----------------------------------------------------------------------------------------


def s_client(program: Program, folder: Path, port: str, *, with_certificate: bool) -> list[str]:
    own = ["-cert", f"{folder}/client-cert.pem", "-key", f"{folder}/client-key.pem"]
    return [
        *(program("openssl"), "s_client", "-quiet", "-verify_return_error"),
        *("-CAfile", f"{folder}/ca-cert.pem", "-connect", f"127.0.0.1:{port}"),
        *(own if with_certificate else []),
    ]


def test_openssl_with_a_client_certificate(site: Site, program: Program) -> None:
    folder, port = site.folder / "stranger", site.port("any")
    check(
        converse(s_client(program, folder, port, with_certificate=True), NEGOTIATE, QUERY),
    )
    refused = s_client(program, folder, port, with_certificate=False)
    assert "QMP" not in only_output(refused)
    check(
        converse(s_client(program, folder, port, with_certificate=True), NEGOTIATE, QUERY),
    )


def only_output(argv: Sequence[str]) -> str:
    """Return the output of a program that the server refuses, and which then ends."""
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.PIPE
    )
    return done.stdout


@pytest.mark.parametrize("name", ["friend", "stranger"])
def test_the_certificates_name_decides(site: Site, program: Program, name: str) -> None:
    argv = s_client(program, site.folder / name, site.port("one"), with_certificate=True)
    if name == "friend":
        check(converse(argv, NEGOTIATE, QUERY))
    else:
        assert "QMP" not in only_output(argv)


# --- A browser ----------------------------------------------------------------------------------

PAGE = """\
<!doctype html><title>QMP</title><script>
const socket = new WebSocket("ws://127.0.0.1:%s/");
const next = ['{"execute": "qmp_capabilities"}', '{"execute": "query-status", "id": "mine"}'];
let log = "";
const tell = async () => {
    await fetch("/", {method: "POST", body: log});
    if ("%s") location = "%s";
};
socket.binaryType = "arraybuffer";
socket.onmessage = message => {
    log += new TextDecoder().decode(message.data);
    if (next.length) socket.send(next.shift()); else tell();
};
socket.onerror = () => { log += "refused"; tell(); };
</script>
"""


class _Answering(http.server.BaseHTTPRequestHandler):
    """A handler that serves the page and receives its results."""

    web: "Web"

    def do_GET(self) -> None:
        self._answer(self.web.page)

    def do_POST(self) -> None:
        self.web.told.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer("")

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


class Web:
    """A web server on this host with one page, of any origin."""

    def __init__(self) -> None:
        self.page = ""
        self.told: queue.Queue[str] = queue.Queue()
        handler = type("Answering", (_Answering,), {"web": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def show(self, port: str, then: str) -> None:
        """Let the page connect to a port, and return the outcome that it reports."""
        self.page = PAGE % (port, then, then)

    def __enter__(self) -> "Web":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_pages_in_a_browser(
    site: Site, start: StartProgram, program: Program, tmp_path: Path
) -> None:
    """A page of another origin is refused, and one of the allowed origin is accepted."""
    port = site.port(WEBSOCKET)
    with Web() as foreign:
        foreign.show(port, then=site.web.origin)
        site.web.show(port, then="")
        start(
            [
                *(program("chromium"), "--headless", "--no-sandbox", "--disable-gpu"),
                *(f"--user-data-dir={tmp_path}/browser", "--remote-debugging-port=0"),
                foreign.origin,
            ]
        )
        assert foreign.told.get(timeout=PATIENCE) == "refused"
        check(site.web.told.get(timeout=PATIENCE).splitlines())
    with Client.connect(site.server.path) as vm:
        assert vm.execute("query-status")["running"]


# --- Terminals ----------------------------------------------------------------------------------


@pytest.mark.terminal
def test_a_pty(serve: StartServer) -> None:
    """Open the slave, type and read, as screen and minicom do."""
    server = serve("-monitor", "pty")
    with Client.connect(server.path) as vm:
        chardevs = vm.execute("query-chardev")
    (path,) = (c["filename"][4:] for c in chardevs if c["label"] == "compat_monitor1")
    for _ in range(2):  # a client that leaves can come back
        slave = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(slave)
            os.write(slave, b"info status\n")
            assert b"VM status: running\r\n(qemu) " in read_until(slave, b"running\r\n(qemu) ")
        finally:
            os.close(slave)


def read_until(fd: int, end: bytes) -> bytes:
    seen = b""
    while end not in seen:
        assert select.select([fd], [], [], PATIENCE)[0], seen
        seen += os.read(fd, 4096)
    return seen


@pytest.mark.terminal
def test_stdio_at_a_terminal(program: Program, tmp_path: Path) -> None:
    """The command line of QMP's first README: a human monitor here, QMP on a port."""
    argv = [
        *(*OURS, "-chardev", "stdio,id=mon0", "-mon", "chardev=mon0,mode=readline"),
        *("-chardev", "socket,id=mon1,host=127.0.0.1,port=0,server=on,wait=off"),
        *("-mon", "chardev=mon1,mode=control"),
    ]
    with Terminal(program("tmux"), tmp_path, argv) as terminal:
        lines = terminal.ask("(qemu)", "info chardev")
        (port,) = re.findall(
            r"^mon1: filename=disconnected:tcp:127.0.0.1:(\d+)", "\n".join(lines), re.M
        )
        check(converse([program("telnet"), "127.0.0.1", port], NEGOTIATE, QUERY))
        terminal.enter("quit")


@pytest.mark.terminal
def test_a_mux_at_a_terminal(program: Program, tmp_path: Path) -> None:
    """HMP and QMP take turns on one terminal. In QEMU 7.2 'stop' aborts there."""
    argv = [
        *(*OURS, "-chardev", "stdio,id=m,mux=on"),
        *("-mon", "chardev=m,mode=readline", "-mon", "chardev=m,mode=control"),
    ]
    with Terminal(program("tmux"), tmp_path, argv) as terminal:
        terminal.until_seen('{"QMP"')
        terminal.press("C-a", "c")
        terminal.until_seen("(qemu)")
        terminal.enter("stop")
        terminal.enter("info status")
        terminal.until_seen("VM status: paused")
        terminal.press("C-a", "c")
        terminal.enter(NEGOTIATE.strip())
        terminal.until_seen('{"return": {}}')
        terminal.enter(QUERY.strip())
        terminal.until_seen('"paused"')
        terminal.press("C-a", "h")
        terminal.until_seen("C-a x")
        terminal.press("C-a", "x")


# --- QEMU ---------------------------------------------------------------------------------------


def test_qemu_dials_in_to_our_device(
    site: Site, start: StartProgram, program: Program, tmp_path: Path
) -> None:
    """QEMU's serial console is the terminal of our human monitor."""
    line = [
        *BASE,
        *("-chardev", f"socket,id=out,path={site.folder}/hmp"),
        *("-mon", "chardev=out,mode=readline"),
        *("-qmp", f"unix:{tmp_path}/theirs,server=on,wait=off"),
    ]
    start([program(QEMU), *line])
    # Two human monitors talk to each other: each takes the other's output as commands.
    with Client.connect(
        f"unix:{tmp_path}/theirs", wait_for_socket=True, timeout=PATIENCE
    ) as theirs:
        assert theirs.execute("query-status")["running"]
    with Client.connect(site.server.path) as vm:
        assert vm.execute("query-status")["running"]
        (name,) = (c["filename"] for c in vm.execute("query-chardev") if c["label"] == HMP)
        assert not name.startswith("disconnected")


def test_we_dial_in_to_qemus_device(
    serve: StartServer, start: StartProgram, program: Program, tmp_path: Path
) -> None:
    """The output of our QMP monitor is in QEMU's ring buffer, byte for byte."""
    line = [
        *BASE,
        *("-chardev", f"socket,id=in,path={tmp_path}/in,server=on,wait=off,logfile={tmp_path}/log"),
        *("-mon", "chardev=in,mode=control"),
        *("-qmp", f"unix:{tmp_path}/theirs,server=on,wait=off"),
    ]
    os.mkfifo(tmp_path / "log")
    log = os.open(tmp_path / "log", os.O_RDWR)
    start([program(QEMU), *line])
    Client.connect(f"unix:{tmp_path}/theirs", wait_for_socket=True, timeout=PATIENCE).close()
    ours = serve("-qmp", f"unix:{tmp_path}/in")
    with Client.connect(ours.path) as vm:
        (name,) = (
            c["filename"] for c in vm.execute("query-chardev") if c["label"] == "compat_monitor1"
        )
        assert not name.startswith("disconnected")
    # Both greet; each takes the other's greeting for a command and returns an error.
    read_until(log, b"QMP input member 'QMP' is unexpected")
    os.close(log)
