"""Monitors of every kind, created by every option on one machine; and their use at run time."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from qmpeer import Client, CommandError
from qmpeer.chardev import Chardev
from qmpeer.machine.command_line import parse_options
from qmpeer.machine.machine import Machine
from qmpeer.transport import dial
from qmpeer.values import JsonObject
from tests.machine.serving import QMPEER, RawClient, Serving, StartHere, Threaded
from tests.patience import PATIENCE
from tests.qemu import BASE
from tests.transport.filters.certificates import Authority, Issued

HUMAN_GREETING = b"QEMU 7.2.0 monitor - type 'help' for more information\r\n(qemu) "


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Threaded(tmp_path / "q") as served, served.client() as client:
        yield client


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Read up to an ending; the socket's own deadline ends the wait."""
    data = b""
    while not data.endswith(end):
        part = sock.recv(65536)
        assert part, data
        data += part
    return data


def human(path: Path) -> socket.socket:
    sock = dial(path, timeout=PATIENCE, wait_for_socket=True)
    sock.settimeout(PATIENCE)
    assert read_until(sock, b"(qemu) ") == HUMAN_GREETING
    return sock


def test_a_human_on_stdio_and_a_program_on_a_port(tmp_path: Path) -> None:
    words = [
        *("-chardev", "stdio,id=mon0", "-mon", "chardev=mon0,mode=readline"),
        *("-chardev", "socket,id=mon1,host=127.0.0.1,port=0,server"),
        *("-mon", "chardev=mon1,mode=control"),
    ]
    process = subprocess.Popen(
        [*QMPEER, "serve", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    out, into, said = process.stdout, process.stdin, process.stderr
    assert out is not None
    assert into is not None
    assert said is not None
    try:
        lines = [said.readline().decode() for _ in range(3)]
        assert lines[0].endswith("warning: short-form boolean option 'server' deprecated\n")
        assert lines[1] == "Please use server=on instead\n"
        where = lines[2].rpartition("disconnected:tcp:127.0.0.1:")[2].partition(",")[0]
        with RawClient(("127.0.0.1", int(where))) as raw:
            raw.negotiate()
            into.write(b"stop\n")
            into.flush()
            assert raw.receive()["event"] == "STOP"
            into.write(b"info status\nquit\n")
            into.flush()
            assert raw.receive()["event"] == "SHUTDOWN"
            assert raw.receive() is None
        text = out.read().replace(b"\x1b[K", b"")
        assert text.startswith(HUMAN_GREETING)
        assert b"VM status: paused\r\n(qemu) " in text
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_labels_and_what_is_listed(tmp_path: Path) -> None:
    words = (
        *("-monitor", f"unix:{tmp_path}/m,server=on,wait=off"),
        *("-qmp-pretty", f"unix:{tmp_path}/p,server=on,wait=off"),
        *("-chardev", "ringbuf,id=ring", "-mon", "ring,mode=control,id=foo"),
        *("-serial", "null", "-parallel", "null", "-serial", "none", "-serial", "null"),
    )
    with Threaded(tmp_path / "q", *words) as served, served.client() as client:
        found = {entry["label"]: entry for entry in client.execute("query-chardev")}
        assert {label: entry["frontend-open"] for label, entry in found.items()} == {
            **dict.fromkeys(("compat_monitor0", "compat_monitor1", "compat_monitor2"), True),
            "ring": True,
            **dict.fromkeys(("serial0", "serial2", "parallel0"), False),
        }
        greeting = json.loads(client.execute("ringbuf-read", {"device": "ring", "size": 1000}))
        assert greeting["QMP"]["capabilities"] == []
        with human(tmp_path / "m") as sock:
            sock.sendall(b"info chardev\r")
            assert b"compat_monitor0: filename=unix:" in read_until(sock, b"(qemu) ")


def test_a_mux_of_two(tmp_path: Path) -> None:
    words = [
        *("-chardev", f"socket,id=c,path={tmp_path}/c,server=on,wait=off,mux=on"),
        *("-mon", "c,mode=control", "-mon", "c,mode=readline", "-echr", "20"),
    ]
    with Threaded(tmp_path / "q", *words) as served:
        sock = dial(tmp_path / "c", timeout=PATIENCE, wait_for_socket=True)
        with sock:
            sock.settimeout(PATIENCE)
            text = read_until(sock, b"(qemu) ")
            assert b'{"QMP": ' in text
            sock.sendall(b"stop\r")
            assert read_until(sock, b"(qemu) ").endswith(b"stop\r\n(qemu) ")
            sock.sendall(b'\x14c{"execute": "qmp_capabilities"}{"execute": "query-status"}')
            assert b'"status": "paused"' in read_until(sock, b"}}\r\n")
            sock.sendall(b"\x14x")
            with sock.makefile("rb") as rest:
                assert rest.read().startswith(b"QEMU: Terminated\n\r")
        assert served.wait() == 0
        assert served.said == []


@pytest.mark.terminal
def test_a_pty_says_where_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Threaded(tmp_path / "q", "-monitor", "pty") as served:
        line = capfd.readouterr().out
        words = line.split()
        assert line == f"char device redirected to {words[4]} (label compat_monitor1)\n"
        with served.client() as client:
            entries = client.execute("query-chardev")
        assert f"pty:{words[4]}" in [entry["filename"] for entry in entries]


def test_nobody_listens_to_the_network_by_accident(start: StartHere) -> None:
    for device in ("tcp::0,server=on", "telnet:0.0.0.0:0,server=on", "websocket:0.0.0.0:0,server"):
        done = start(*BASE, "-qmp", device)
        assert done.returncode == 1
        assert "can be reached from other machines" in done.stderr
    with_anybody = ["-object", "tls-creds-anon,id=t,endpoint=server"]
    device = "socket,id=c,host=0.0.0.0,port=0,server=on,wait=off,tls-creds=t"
    done = start(*BASE, *with_anybody, "-chardev", device)
    assert done.returncode == 1
    assert "can be reached from other machines" in done.stderr


def test_with_certificates_the_network_may_come_in(tmp_path: Path) -> None:
    authority = Authority()
    server = authority.issue("localhost")
    clients = {name: authority.issue(name) for name in ("laptop", "stranger")}
    folder = authority.fill(tmp_path / "server", server=server)
    device = "socket,id=c,host=0.0.0.0,port=0,server=on,wait=off,tls-creds=t,tls-authz=a"
    words = (
        *("-object", f"tls-creds-x509,id=t,dir={folder},endpoint=server"),
        *("-object", "authz-simple,id=a,identity=CN=laptop"),
        *("-chardev", device, "-mon", "c,mode=control"),
    )
    with Serving(tmp_path / "q", *words) as serving:
        with serving.client() as client:
            names = [entry["filename"] for entry in client.execute("query-chardev")]
        (found,) = (re.fullmatch(r"disconnected:tcp:0\.0\.0\.0:(\d+),.*", n) for n in names[:1])
        assert found is not None

        def greeting(client: Issued | None) -> bytes:
            context = ssl.create_default_context(cafile=str(folder / "ca-cert.pem"))
            if client is not None:
                own = tmp_path / "own.pem"
                own.write_bytes(client.pem + client.key_pem())
                context.load_cert_chain(own)
            with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE) as plain:
                try:
                    with context.wrap_socket(plain, server_hostname="localhost") as sock:
                        line = sock.makefile("rb").readline()
                        sock.sendall(b'{"execute": "qmp_capabilities"}')
                        return line + sock.makefile("rb").readline()
                except OSError:
                    return b""

        assert greeting(None) == b""
        assert greeting(clients["stranger"]) == b""
        assert greeting(clients["laptop"]).endswith(b'{"return": {}}\r\n')
        serving.process.terminate()
        said = serving.stderr()
    assert "the peer has sent no certificate" in said
    assert "CN=stranger is not authorised" in said
    assert all(line.startswith("qmpeer serve: ") for line in said.splitlines())


def test_a_handshake_has_its_time(tmp_path: Path) -> None:
    words = ("-qmp", "websocket:127.0.0.1:0,server=on,wait=off", "-handshake-timeout", "0.05")
    with Threaded(tmp_path / "q", *words) as served:
        with served.client() as client:
            names = [entry["filename"] for entry in client.execute("query-chardev")]
        port = next(int(name.split(":")[3].split(",")[0]) for name in names if "websocket" in name)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            assert sock.recv(100) == b""


@pytest.mark.parametrize(
    ("origin", "status"), [("https://a.example", b"101"), ("https://b.example", b"403")]
)
def test_pages_need_leave(tmp_path: Path, origin: str, status: bytes) -> None:
    words = ("-qmp", "websocket:127.0.0.1:0,server=on,wait=off")
    with Threaded(tmp_path / "q", *words, "-allow-origin", "https://A.example/") as served:
        with served.client() as client:
            names = [entry["filename"] for entry in client.execute("query-chardev")]
        port = next(int(name.split(":")[3].split(",")[0]) for name in names if "websocket" in name)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(
                f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n".encode()
                + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
            )
            assert sock.makefile("rb").readline().split()[1] == status


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-chardev null,id=c -mon c,mode=bogus", "-mon c,mode=bogus: Parameter 'mode' does not"),
        ("-mon mode=control", "-mon mode=control: Parameter 'chardev' is missing"),
        ("-mon c", '-mon c: chardev "c" not found'),
        (
            "-chardev null,id=c -mon c,pretty=on",
            "-mon c,pretty=on: 'pretty' is not compatible with HMP monitors",
        ),
        ("-chardev null,id=c -mon c -mon c", "-mon c: Device 'c' is in use"),
        ("-qmp none", "-qmp none: 'none' is not a valid char driver\nqmpeer serve: -qmp none: par"),
        (
            "-serial bogus",
            "-serial bogus: 'bogus' is not a valid char driver\nqmpeer serve: -serial bogus: could",
        ),
        (
            "-serial chardev:c",
            "-serial chardev:c: could not connect serial device to character backend 'chardev:c'",
        ),
        ("-object secret,id=s", "Either 'file' or 'data' must be provided"),
        (
            "-chardev null,id=1",
            "-chardev null,id=1: Parameter 'id' expects an identifier\nIdentifiers consist of",
        ),
        (
            "-object secret,id=s,data=x -chardev null,id=c,logfile=/nonexistent/x -qmp bogus:",
            "-qmp bogus:: 'bogus:' is not a valid char driver",
        ),
    ],
)
def test_start_errors(start: StartHere, words: str, text: str) -> None:
    done = start(*BASE, *words.split())

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"qmpeer serve: {text}")


@pytest.mark.parametrize(
    ("words", "begin", "status"),
    [
        ("-chardev help", "Available chardev backend types: \n  stdio\n", 0),
        ("-chardev null,help", "chardev options:\n", 1),
        ("-mon c,help", "mon options:\n", 1),
    ],
)
def test_options_that_ask_for_a_text(start: StartHere, words: str, begin: str, status: int) -> None:
    done = start(*BASE, *words.split())

    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith(begin)


# At run time


def desc_of(client: Client, command: str, **arguments: Any) -> str:
    with pytest.raises(CommandError) as caught:
        client.execute(command.replace("_", "-"), arguments)
    return caught.value.desc


def test_devices_come_and_go(client: Client) -> None:
    ring: JsonObject = {"type": "ringbuf", "data": {"size": 8}}
    assert client.execute("chardev-add", {"id": "r", "backend": ring}) == {}
    assert desc_of(client, "chardev-add", id="r", backend=ring) == (
        "Chardev with id 'r' already exists"
    )
    client.execute("ringbuf-write", {"device": "r", "data": "abcdefghij"})
    assert client.execute("ringbuf-read", {"device": "r", "size": 3}) == "cde"
    read: JsonObject = {"device": "r", "size": 9, "format": "base64"}
    assert client.execute("ringbuf-read", read) == "ZmdoaWo="
    assert client.execute("chardev-send-break", {"id": "r"}) == {}
    null: JsonObject = {"type": "null", "data": {}}
    assert client.execute("chardev-change", {"id": "r", "backend": null}) == {}
    assert desc_of(client, "ringbuf_read", device="r", size=1) == "r is not a ringbuf device"
    assert client.execute("chardev-remove", {"id": "r"}) == {}
    assert desc_of(client, "chardev_remove", id="r") == "Chardev 'r' not found"
    assert desc_of(client, "chardev_remove", id="compat_monitor0") == (
        "Chardev 'compat_monitor0' is busy"
    )
    assert desc_of(client, "chardev_add", id="s", backend={"type": "console", "data": {}}) == (
        "Failed to add chardev 's': 'console' is not a valid char driver name"
    )


@pytest.mark.terminal
def test_adding_a_pty(client: Client) -> None:
    pty = client.execute("chardev-add", {"id": "p", "backend": {"type": "pty", "data": {}}})
    assert os.path.exists(pty["pty"])


def test_a_socket_by_the_name_of_a_descriptor(client: Client) -> None:
    ours, theirs = socket.socketpair()
    address: JsonObject = {"type": "fd", "data": {"str": "s"}}
    backend: JsonObject = {"type": "socket", "data": {"addr": address, "server": False}}
    with ours:
        with theirs:
            client.execute("getfd", {"fdname": "s"}, fds=[theirs.fileno()])
        client.execute("chardev-add", {"id": "c", "backend": backend})
        assert desc_of(client, "closefd", fdname="s") == "File descriptor named 's' not found"
        assert desc_of(client, "chardev_add", id="d", backend=backend) == (
            "Failed to add chardev 'd': File descriptor named 's' has not been found"
        )
        client.execute("chardev-remove", {"id": "c"})
        ours.settimeout(PATIENCE)
        assert ours.recv(1) == b""


def test_objects_come_and_go(client: Client) -> None:
    secret: JsonObject = {"qom-type": "secret", "id": "s", "data": "x"}
    assert client.execute("object-add", secret) == {}
    assert desc_of(client, "object_add", **secret) == (
        "attempt to add duplicate property 's' to object (type 'container')"
    )
    assert desc_of(client, "object_add", **{**secret, "id": "1"}) == (
        "Parameter 'id' expects an identifier"
    )
    assert client.execute("object-del", {"id": "s"}) == {}
    assert desc_of(client, "object_del", id="s") == "object 's' not found"


def test_lines_by_qmp(client: Client) -> None:
    def run(line: str) -> str:
        text: str = client.execute("human-monitor-command", {"command-line": line})
        return text

    mark = client.event_mark()
    assert run("stop") == ""
    client.wait_event("STOP", since=mark)
    assert run("info status") == "VM status: paused\r\n"
    assert run("singlestep on") == ""
    assert run("info status") == "VM status: paused (single step mode)\r\n"
    assert client.execute("query-status")["singlestep"] is True
    assert run("device_del x") == "Error: Device 'x' not found\r\n"
    assert run("chardev-add null,id=n,wait") == (
        "warning: short-form boolean option 'wait' deprecated\r\nPlease use wait=on instead\r\n"
    )
    assert desc_of(
        client, "human_monitor_command", **{"command-line": "info cpus", "cpu-index": 0}
    ) == ("Parameter 'cpu-index' expects a CPU number")


# Sets of descriptors


def test_a_set_stands_for_a_path(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        client.execute("add-fd", {"fdset-id": 3}, fds=[file.fileno()])
    for path, desc in [
        ("/dev/fdset/4", "Could not open '/dev/fdset/4': No such file or directory"),
        ("/dev/fdset/x", "Could not open '/dev/fdset/x': Invalid argument"),
    ]:
        backend: JsonObject = {"type": "file", "data": {"out": path}}
        assert desc_of(client, "chardev_add", id="f", backend=backend) == (
            f"Failed to add chardev 'f': {desc}"
        )
    read: JsonObject = {
        "type": "file",
        "data": {"out": str(tmp_path / "out"), "in": "/dev/fdset/3"},
    }
    assert desc_of(client, "chardev_add", id="f", backend=read) == (
        "Failed to add chardev 'f': Could not open '/dev/fdset/3': Permission denied"
    )
    logged: JsonObject = {"type": "ringbuf", "data": {"logfile": "/dev/fdset/3"}}
    client.execute("chardev-add", {"id": "r", "backend": logged})
    out: JsonObject = {"type": "file", "data": {"out": "/dev/fdset/3"}}
    client.execute("chardev-add", {"id": "f", "backend": out})
    for number, desc in [
        ("4", "Could not dup FD for /dev/fdset/4 flags 241: No such file or directory"),
        ("x", "Could not parse fdset /dev/fdset/x"),
    ]:
        logged = {"type": "null", "data": {"logfile": f"/dev/fdset/{number}"}}
        assert desc_of(client, "chardev_add", id="n", backend=logged) == (
            f"Failed to add chardev 'n': {desc}"
        )
    client.execute("remove-fd", {"fdset-id": 3})
    assert client.execute("query-fdsets") == [{"fds": [], "fdset-id": 3}]  # the set is in use
    client.execute("chardev-remove", {"id": "f"})
    client.execute("chardev-remove", {"id": "r"})
    assert client.execute("query-fdsets") == []
    config: JsonObject = {
        "driver": "blkdebug",
        "node-name": "b",
        "config": "/dev/fdset/3",
        "image": "x",
    }
    assert desc_of(client, "blockdev_add", **config) == (
        "Could not read blkdebug config file: No such file or directory"
    )


def test_rules_come_from_a_set(client: Client, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("[nonsense]\n")
    with (tmp_path / "rules").open("rb") as file:
        client.execute("add-fd", {"fdset-id": 0}, fds=[file.fileno()])
    image: JsonObject = {"driver": "null-co"}
    config: JsonObject = {
        "driver": "blkdebug",
        "node-name": "b",
        "config": "/dev/fdset/0",
        "image": image,
    }
    assert desc_of(client, "blockdev_add", **config) == "There is no option group 'nonsense'"


def test_an_inherited_descriptor_goes_into_a_set(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        fd = file.fileno()
        words = (
            *("-add-fd", f"fd={fd},set=7,opaque=mine"),
            *("-chardev", "ringbuf,id=r,logfile=/dev/fdset/7", "-mon", "r,mode=control"),
        )
        with (
            Serving(tmp_path / "q", *words, pass_fds=(fd,)) as serving,
            serving.client() as client,
        ):
            (found,) = client.execute("query-fdsets")
            assert found["fdset-id"] == 7
            assert found["fds"][0]["opaque"] == "mine"
    assert b'{"QMP": ' in (tmp_path / "log").read_bytes()


def test_sets_stay_when_others_than_programs_leave(tmp_path: Path) -> None:
    words = ("-monitor", f"unix:{tmp_path}/m,server=on,wait=off", "-qmp", "null")
    with (tmp_path / "log").open("wb") as file:
        fd = file.fileno()
        sets = ("-add-fd", f"fd={fd},set=1", "-add-fd", f"fd={fd},set=2")
        with Serving(tmp_path / "q", *words, *sets, pass_fds=(fd,)) as serving:
            for _ in range(2):
                with human(tmp_path / "m") as sock:
                    sock.sendall(b"info name\r")
                    read_until(sock, b"(qemu) ")
            with serving.client() as client:
                numbers = [of["fdset-id"] for of in client.execute("query-fdsets")]
                assert numbers == [2, 1]
            with serving.client() as client:  # now the last client has disconnected
                assert client.execute("query-fdsets") == []


def test_a_client_counts_that_came_before_its_monitor(tmp_path: Path) -> None:
    words = ("-chardev", f"socket,id=w,path={tmp_path}/w,server=on,wait=on")
    with Serving(tmp_path / "q", *words) as serving:
        early = dial(serving.path, timeout=PATIENCE, wait_for_socket=True)
        with dial(
            tmp_path / "w", timeout=PATIENCE, wait_for_socket=True
        ):  # monitors are created after that
            with Client.connect(early, timeout=PATIENCE) as client, open(os.devnull) as file:
                client.execute("add-fd", fds=[file.fileno()])
            with serving.client() as client:
                assert client.execute("query-fdsets") == []


class OneClient:
    """A device with at most one client, which connects and disconnects without a callback."""

    opens = "later"
    client: object = None


def test_one_client_leaves_and_one_comes_between_two_looks() -> None:
    machine = Machine(parse_options(["-nodefaults"]))
    devices = [OneClient(), OneClient()]
    for device in devices:
        machine.monitors.control_devices.append(cast(Chardev, device))
    machine.cont()

    def has_set_with(*clients: object) -> bool:
        devices[0].client, devices[1].client = clients
        machine.clients_changed()
        return bool(machine.descriptors.describe_sets())

    def add_set() -> None:
        machine.descriptors.add_to_set(None, None, [os.open(os.devnull, os.O_RDONLY)])

    assert not has_set_with("A", None)
    add_set()
    assert not has_set_with("B", None)
    add_set()
    assert not has_set_with(None, "C")
    add_set()
    assert has_set_with("D", "C")
    assert has_set_with("E", "C")  # C was connected all the time
    assert not has_set_with(None, None)
    machine.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path / "q") as serving:
        yield serving


def test_nothing_leaks_when_clients_die_with_descriptors_in_flight(serving: Serving) -> None:
    folder = f"/proc/{serving.process.pid}/fd"

    def count() -> int:
        return len(os.listdir(folder))

    with serving.client() as client:
        client.execute("query-name")
        before = count()
    with open(os.devnull) as file:
        fds = [file.fileno()] * 20
        for data in (
            b'{"execute": "qmp_capabilities"}{"execute": "getfd", "arguments": {"fdname": "1"}}',
            b'{"execute": "get',
            b"[",
            b'{"execute": "qmp_capabilities"}{"execute": "query-name"}' * 5,
        ):
            for _ in range(5):
                with dial(serving.path, timeout=PATIENCE) as sock:
                    socket.send_fds(sock, [data], fds)
                    socket.send_fds(sock, [b" "], fds)
    with serving.client() as client:
        client.execute("query-name")
        deadline = time.monotonic() + PATIENCE
        while count() > before and time.monotonic() < deadline:
            client.execute("query-name")
        assert count() == before


async def test_without_tls_and_websocket_neither_is_imported() -> None:
    program = (
        "import sys; import qmpeer.machine.process; from qmpeer.machine.machine import Machine;"
        "from qmpeer.machine import parse_options; Machine(parse_options(['-nodefaults']));"
        "print([name for name in ('wsproto', 'qmpeer.transport.filters') if name in sys.modules])"
    )
    command = await asyncio.create_subprocess_exec(
        QMPEER[0], "-c", program, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await command.communicate()
    assert out == b"[]\n"


@pytest.mark.parametrize(
    ("device", "mode", "begins"),
    [
        ("null", "control", ["RESUME"]),
        ("null", "readline", []),
        ("msmouse", "control", ["RESUME"]),
        ("vc", "control", ["RESUME", "QMP"]),
        ("vc", "readline", ["QEMU"]),
        ("ringbuf", "control", ["QMP"]),
    ],
)
def test_devices_that_open_later_or_never(
    tmp_path: Path, device: str, mode: str, begins: list[str]
) -> None:
    log = tmp_path / "log"
    words = ("-chardev", f"{device},id=c,logfile={log}", "-mon", f"c,mode={mode}")
    with Threaded(tmp_path / "q", *words) as served, served.client() as client:
        client.execute("query-name")
        lines = log.read_text().splitlines()
    known = ("RESUME", "QMP", "QEMU")
    found = [word for line in lines for word in known if f'"{word}' in line or word == line[:4]]
    assert found == begins
    assert bool(lines) is bool(begins)
