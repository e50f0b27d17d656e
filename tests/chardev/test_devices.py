"""Devices other than sockets, on real files, pipes, terminals and datagrams.

Modules: output_only.
"""

import asyncio
import errno
import logging
import os
import pty
import socket
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.chardev import BACKENDS, Chardev, Host, create
from qmpeer.chardev.udp_device import UdpDevice
from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject
from tests.chardev.program import FrontEnd, Program
from tests.patience import PATIENCE
from tests.transport.recorder import spin


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The master and the slave of a pseudo-terminal."""
    ends = pty.openpty()
    yield ends
    for fd in ends:
        os.close(fd)


# Nobody at the other end.


@pytest.mark.parametrize("kind", ["null", "vc", "msmouse", "wctablet", "testdev", "qemu-vdagent"])
async def test_nobody(own: Program, kind: str) -> None:
    front = FrontEnd(b"greeting")
    device = await own.add(f"{kind},id=a", front)
    assert device.filename == kind
    assert not device.offers_oob
    assert device.is_connected
    front.last.stream.write(b"x" * 1_000_000)
    assert front.last.stream.unsent == 0
    front.last.stream.close()
    await front.last.until_lost()


def test_backends_are_made() -> None:
    made: dict[str, JsonObject] = {
        "mux": {"chardev": "base"},
        "pipe": {"device": "x"},
        "serial": {"device": "x"},
        "parallel": {"device": "x"},
        "file": {"out": "x"},
        "socket": {"addr": {"type": "unix", "data": {"path": "x"}}},
        "udp": {"remote": {"type": "inet", "data": {"host": "", "port": "1"}}},
    }
    base = create("base", {"type": "null"})
    for kind in BACKENDS:
        device = create("a", {"type": kind, "data": made.get(kind, {})}, bases={"base": base})
        assert device.kind == kind
    with pytest.raises(ChardevError, match=r"^'bogus' is not a valid char driver name$"):
        create("a", {"type": "bogus"})


async def test_two_front_ends(own: Program) -> None:
    device = await own.add("null,id=a", FrontEnd())
    with pytest.raises(ChardevError, match=r"^Device 'a' is in use$"):
        device.attach(FrontEnd())


# Files.


async def test_file(own: Program, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    front = FrontEnd(b"one ")
    await own.add(f"file,id=a,path={path}", front)
    front.last.stream.write(b"two")
    assert path.read_text() == "one two"
    more = FrontEnd(b", three")
    await own.add(f"file,id=b,path={path},append=on", more)
    assert path.read_text() == "one two, three"


async def test_file_with_input(own: Program, tmp_path: Path) -> None:
    fifo = tmp_path / "in"
    os.mkfifo(fifo)
    hold = os.open(fifo, os.O_RDWR)
    backend: JsonObject = {"type": "file", "data": {"out": str(tmp_path / "out"), "in": str(fifo)}}
    await own.devices.add("a", backend)
    device = own.devices.required("a")
    front = FrontEnd()
    device.attach(front)
    os.write(hold, b"hello")
    assert await front.last.until_data(5) == b"hello"
    front.last.stream.write(b"answer")
    assert (tmp_path / "out").read_bytes() == b"answer"
    os.close(hold)


async def test_full_disk(own: Program, caplog: pytest.LogCaptureFixture) -> None:
    front = FrontEnd(b"greeting")
    device = await own.add("file,id=a,path=/dev/full", front)
    for _ in range(100):
        front.last.stream.write(b"more")
    assert [record.message for record in caplog.records] == [
        f"/dev/full can't be written, output is lost: [Errno {errno.ENOSPC}] "
        + os.strerror(errno.ENOSPC)
    ]
    assert device.is_connected


# Pipes and serial lines.


async def test_two_pipes(own: Program, tmp_path: Path) -> None:
    for end in ("in", "out"):
        os.mkfifo(tmp_path / f"p.{end}")
    front = FrontEnd(b"greeting")
    await own.add(f"pipe,id=a,path={tmp_path}/p", front)
    with open(tmp_path / "p.out", "rb", buffering=0) as answers:
        assert answers.read(100) == b"greeting"
        for text in (b"first", b"second"):  # a writer that leaves isn't the end
            before = len(front.last.data)
            (tmp_path / "p.in").write_bytes(text)
            await front.last.until_data(before + len(text))
    assert front.last.data == b"firstsecond"
    assert not front.last.has_eof


async def test_one_pipe(own: Program, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    front = FrontEnd()
    await own.add(f"pipe,id=a,path={tmp_path}/p", front)
    front.last.stream.write(b"to myself")
    assert await front.last.until_data(9) == b"to myself"


async def test_serial(own: Program, terminal: tuple[int, int]) -> None:
    master, slave = terminal
    front = FrontEnd(b"\n")
    device = await own.add(f"serial,id=a,path={os.ttyname(slave)}", front)
    settings = termios.tcgetattr(slave)
    assert settings[4] == settings[5] == termios.B115200
    assert not settings[3] & (termios.ECHO | termios.ICANON)
    assert os.read(master, 10) == b"\n"
    os.write(master, b"\r")
    assert await front.last.until_data(1) == b"\r"
    device.send_break()
    own.devices.send_break("a")


async def test_tty_is_serial(own: Program, terminal: tuple[int, int]) -> None:
    device = await own.add(f"tty,id=a,path={os.ttyname(terminal[1])}")
    assert device.filename == "serial"
    device.close()


# Pseudo-terminals.


async def test_pty(own: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PTY_POLL", 0.001)
    front = FrontEnd(b"greeting\n")
    device = await own.add("pty,id=a", front)
    assert own.said == [f"char device redirected to {device.pty} (label a)"]
    assert device.filename == f"pty:{device.pty}"
    assert device.pty is not None
    for times in (2, 3):  # the first one has greeted into the terminal's own buffer
        slave = os.open(device.pty, os.O_RDWR | os.O_NOCTTY)
        handler = await front.connected(times)
        os.write(slave, b"hello")
        assert await handler.until_data(5) == b"hello"
        wanted = b"greeting\n" * (4 - times)
        got = b""
        while len(got) < len(wanted):
            got += os.read(slave, 100)
        assert got == wanted
        os.close(slave)
        await handler.until_lost()


async def test_pty_that_nobody_opens(own: Program) -> None:
    front = FrontEnd()
    device = await own.add("pty,id=a", front)
    [handler] = front.handlers
    await handler.until_lost()
    for _ in range(100):  # it is gone: what an event writes to it goes nowhere
        handler.stream.write(b"x" * 100_000)
    assert handler.stream.unsent == 0
    assert not device.is_connected


async def test_pty_takes_what_fits(own: Program) -> None:
    front = FrontEnd(b"x" * 1_000_000)
    await own.add("pty,id=a", front)
    await front.last.until_lost()
    assert front.last.stream.unsent == 0


# Standard input and output.


async def test_stdio(own: Program) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        own.host.standard = (ours.fileno(), ours.fileno())
        front = FrontEnd(b"greeting")
        device = await own.add("stdio,id=a", front)
        assert device.filename == "stdio"
        assert theirs.recv(100) == b"greeting"
        theirs.send(b"hello")
        await front.last.until_data(5)
        with pytest.raises(ChardevError, match=r"^cannot use stdio by multiple character devices$"):
            await own.add("stdio,id=b")
        theirs.shutdown(socket.SHUT_WR)
        await spin()
        assert not front.last.has_eof  # the end of input is not the end of the monitor
        front.last.stream.write(b"event")
        assert theirs.recv(100) == b"event"
        front.last.stream.close()
        await front.last.until_lost()
        device.close()
        await own.add("stdio,id=c")


async def test_stdio_that_reports_its_end(own: Program) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        own.host.standard = (ours.fileno(), ours.fileno())
        front = FrontEnd()
        device = await own.add("stdio,id=a", front)
        device.reports_end = True
        theirs.shutdown(socket.SHUT_WR)
        await front.last.until(lambda: front.last.has_eof)
        device.close()


async def test_stdio_that_was_given_up(own: Program) -> None:
    own.host.standard = None
    with pytest.raises(ChardevError, match=r"^cannot use stdio with -daemonize$"):
        await own.add("stdio,id=a")


@pytest.mark.parametrize(
    ("wants_echo", "options", "is_raw", "has_signals"),
    [
        (False, "", True, True),
        (False, ",signal=off", True, False),
        (True, "", False, True),
        (True, ",signal=off", False, True),
    ],
)
async def test_terminal(
    own: Program,
    terminal: tuple[int, int],
    wants_echo: bool,
    options: str,
    is_raw: bool,
    has_signals: bool,
) -> None:
    _, slave = terminal
    before = termios.tcgetattr(slave)
    own.host.standard = (slave, slave)
    device = await own.add(f"stdio,id=a{options}")
    device.attach(FrontEnd(), wants_echo=wants_echo)
    flags = termios.tcgetattr(slave)[3]
    assert (not flags & (termios.ECHO | termios.ICANON)) is is_raw
    assert bool(flags & termios.ISIG) is has_signals
    assert termios.tcgetattr(slave)[1] & termios.OPOST
    device.close()
    assert termios.tcgetattr(slave) == before


# Datagrams.


async def test_udp(own: Program) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(PATIENCE)
        port = other.getsockname()[1]
        front = FrontEnd(b"greeting")
        device = await own.add(
            f"udp,id=a,host=127.0.0.1,port={port},localaddr=127.0.0.1,localport=0", front
        )
        assert isinstance(device, UdpDevice)
        assert device.filename == "udp"
        assert not front.handlers
        other.sendto(b"hello", ("127.0.0.1", device.local_port))
        handler = await front.connected()
        await handler.until_data(5)
        assert await asyncio.to_thread(other.recv, 1000) == b"greeting"
        handler.stream.write(b"x" * (limits.DATAGRAM + 1))
        sizes = [len(await asyncio.to_thread(other.recv, 1 << 17)) for _ in range(2)]
        assert sizes == [limits.DATAGRAM, 1]
    # Nobody is there any more, which is no error.
    handler.stream.write(b"lost")
    handler.stream.write(b"lost")
    await spin()
    assert not handler.is_lost


async def test_udp_before_anybody_comes(own: Program) -> None:
    device = await own.add("udp,id=a,port=9,host=127.0.0.1")
    device.close()
    assert isinstance(device, UdpDevice)
    assert device.local_port == 0


# The log.


async def test_log(own: Program, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old ")
    front = FrontEnd(b"output")
    await own.add(f"null,id=a,logfile={log},logappend=on", front)
    assert log.read_text() == "old output"
    await own.add(f"null,id=b,logfile={log}", FrontEnd(b"new"))
    assert log.read_text() == "new"


async def test_full_log(own: Program, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "f"
    front = FrontEnd(b"greeting")
    await own.add(f"file,id=a,path={path},logfile=/dev/full", front)
    for _ in range(100):
        front.last.stream.write(b".")
    assert path.read_bytes() == b"greeting" + b"." * 100
    [record] = caplog.records
    assert record.message.startswith("/dev/full can't be written, its device goes on without it: ")


async def test_log_goes_on_when_there_is_room(
    own: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log = tmp_path / "log"
    front = FrontEnd()
    await own.add(f"null,id=a,logfile={log}", front)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        front.last.stream.write(b"lost")
    front.last.stream.write(b"kept")
    assert log.read_bytes() == b"kept"
    assert [record.message for record in caplog.records] == [
        f"{log} can't be written, its device goes on without it: [Errno {errno.ENOSPC}] no space",
        f"{log} can be written again",
    ]


async def test_input_is_not_logged(own: Program, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    front = FrontEnd()
    await own.add(f"pipe,id=a,path={tmp_path}/p,logfile={tmp_path}/log", front)
    with open(tmp_path / "p", "r+b", buffering=0) as end:
        end.write(b"input")
        await front.last.until_data(5)
    assert (tmp_path / "log").read_bytes() == b""


async def test_no_log_no_device(own: Program, tmp_path: Path) -> None:
    with pytest.raises(ChardevError, match=f"^Could not create '{tmp_path}/no/log': "):
        await own.add(f"null,id=a,logfile={tmp_path}/no/log")
    assert "a" not in own.devices


def test_surroundings_open_a_path_that_is_closed_on_exec(tmp_path: Path) -> None:
    fd = Host().open_path(str(tmp_path / "f"), os.O_WRONLY | os.O_CREAT)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_repr(own: Program) -> None:
    device: Chardev = create("a", {"type": "null"})
    assert repr(device) == "<chardev a: null>"
