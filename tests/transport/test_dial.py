"""Dialling: both sides keep the same promises."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.transport import AddressLike, UnixAddress, dial, listen
from qmpeer.transport.address import OtherAddress
from qmpeer.transport.aio import open_stream
from qmpeer.transport.dialling import DialPlan
from qmpeer.transport.sockets import is_connected_to_itself
from tests.patience import PATIENCE
from tests.transport.recorder import Recorder

CLOCK_STEP = 0.01
"""Seconds by which the time of a file may be behind the clock."""
Connect = Callable[..., None]
SIX = pytest.param("tcp:[::1]:0", marks=pytest.mark.ipv6)


def connect_blocking(
    address: AddressLike, timeout: float, *, wait_for_socket: bool = False
) -> None:
    dial(address, timeout=timeout, wait_for_socket=wait_for_socket).close()


def connect_async(address: AddressLike, timeout: float, *, wait_for_socket: bool = False) -> None:
    async def connect() -> None:
        stream, handler = await open_stream(
            address, Recorder, timeout=timeout, wait_for_socket=wait_for_socket
        )
        assert isinstance(handler, Recorder)
        stream.abort()
        await handler.until_lost()

    asyncio.run(connect())


@pytest.fixture(params=[connect_blocking, connect_async], ids=["blocking", "aio"])
def connect(request: pytest.FixtureRequest) -> Connect:
    found: Connect = request.param
    return found


@pytest.mark.parametrize("address", ["unix:{}/s", "tcp:127.0.0.1:0", SIX, "unix:@{}"])
def test_connects(connect: Connect, tmp_path: Path, address: str) -> None:
    with listen(address.format(tmp_path), backlog=1) as server:
        target: AddressLike = address.format(tmp_path)
        if server.family != socket.AF_UNIX:
            target = server.getsockname()[:2]
        connect(target, 5)
        server.accept()[0].close()


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["folder", "file"])
def test_a_path_that_is_no_socket(
    connect: Connect, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "it")
    with pytest.raises(ConnectionRefusedError, match="there is a file here that is not a socket"):
        connect(f"unix:{tmp_path}/it", 5)


def test_a_socket_without_a_listener(connect: Connect, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "it"))
    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        connect(f"unix:{tmp_path}/it", 5)


def test_a_host_names_every_address_is_tried(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listen("tcp:127.0.0.1:0", backlog=1) as server, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))  # bound and not listening: refused
        real = socket.getaddrinfo

        def two(host: str, *args: int, **options: int) -> object:
            if host == "two.example":
                if options.get("flags") == socket.AI_NUMERICHOST:
                    raise socket.gaierror(socket.EAI_NONAME, "not a number")
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, mute.getsockname()), (*kind, server.getsockname())]
            return real(host, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", two)
        connect("two.example:1", 5)
        server.accept()[0].close()


def test_refusals_come_as_the_kernel_says_them(connect: Connect, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as found:
        connect(missing, 5)
    assert str(found.value) == f"[Errno 2] No such file or directory: 'unix:{missing}'"
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError, match=r"refused: 'tcp:127\.0\.0\.1:\d+'"):
            connect(mute.getsockname(), 5)
    (tmp_path / "file").touch()
    with pytest.raises(ConnectionRefusedError):
        connect(tmp_path / "file", 5)


def test_a_host_without_address(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(socket.gaierror, match=r"not known: 'tcp:no\.example:1'"):
        connect("no.example:1", 5)


def test_waiting_for_a_socket_ends_at_the_deadline(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError) as found:
        connect(tmp_path / "s", 0.05, wait_for_socket=True)
    assert str(found.value) == (
        f"waited 0.05 s for unix:{tmp_path}/s, but it is not there: No such file or directory"
    )
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        with pytest.raises(TimeoutError, match="it is not there: Connection refused"):
            connect(mute.getsockname(), 0.05, wait_for_socket=True)


def test_waiting_for_a_socket_that_comes(connect: Connect, tmp_path: Path) -> None:
    servers: list[socket.socket] = []
    path = tmp_path / "s"

    def come() -> None:
        servers.append(listen(path, backlog=1))

    later = threading.Timer(0.02, come)
    later.start()
    connect(path, 10, wait_for_socket=True)
    later.join()
    servers[0].close()


def test_a_busy_socket_is_waited_for_in_any_case(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(path, backlog=0) as server, socket.socket(socket.AF_UNIX) as first:
        first.connect(str(path))  # all that fits
        with pytest.raises(TimeoutError) as found:
            connect(path, 0.05)
        assert str(found.value) == (
            f"waited 0.05 s for unix:{path}, "
            "but its queue is full: another client holds it, or the server hangs"
        )

        def accept() -> None:
            server.accept()[0].close()

        leave = threading.Timer(0.02, accept)
        leave.start()
        connect(path, 10)
        leave.join()


def test_a_peer_that_does_not_answer(connect: Connect) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        fillers = []
        try:
            for _ in range(2):  # the queue of a full TCP listener drops what comes
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(server.getsockname())
                fillers.append(filler)
            with pytest.raises(TimeoutError, match=r"^waited 0\.05 s for tcp:.*no answer$"):
                connect(server.getsockname(), 0.05)
        finally:
            for filler in fillers:
                filler.close()


def test_tcp_sends_small_messages_at_once() -> None:
    with (
        listen("tcp:127.0.0.1:0", backlog=1) as server,
        dial(server.getsockname(), timeout=PATIENCE) as sock,
    ):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.gettimeout() is None
        assert not sock.get_inheritable()


def test_a_connected_socket_is_taken_as_it_is() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert dial(one, timeout=PATIENCE) is one


def test_fd(connect: Connect) -> None:
    one, other = socket.socketpair()
    with other:
        connect(f"fd:{one.detach()}", 5)
        assert other.recv(1) == b""


def test_fd_that_is_no_socket(connect: Connect, tmp_path: Path) -> None:
    with (tmp_path / "f").open("w") as file:
        with pytest.raises(OSError, match=f"File descriptor '{file.fileno()}' is not a socket"):
            connect(f"fd:{file.fileno()}", 5)
        file.write("it is still open")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(OSError, match="expected a stream"):
            connect(f"fd:{datagrams.fileno()}", 5)
        datagrams.getsockname()
    with pytest.raises(OSError) as found:
        connect("fd:1000000", 5)
    assert found.value.errno == errno.EBADF


def test_what_nobody_can_dial_is_refused(connect: Connect) -> None:
    with pytest.raises(ValueError, match="found 'socket:x', expected an address of unix, tcp"):
        connect(OtherAddress("x"), 5)


def test_a_tcp_socket_that_met_itself_is_known() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        assert is_connected_to_itself(sock)


def test_the_blocking_side_imports_no_asyncio() -> None:
    code = (
        "import sys, qmpeer.transport.blocking\n"
        "print([m for m in ('asyncio', 'dataclasses', 'logging') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout == "[]\n"


def test_plan_grows_its_delays_and_ends() -> None:
    plan = DialPlan(UnixAddress("x"), timeout=1.0, wait_for_socket=True, now=100.0)
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    delays = [plan.delay_after(refused, 100.0) for _ in range(15)]
    assert delays == sorted(delays)
    assert delays[0] == 0.001
    assert delays[-1] == 0.05
    assert plan.delay_after(refused, 100.99) == pytest.approx(0.01)
    assert plan.seconds_left(100.4, shares=2) == pytest.approx(0.3)
    assert plan.seconds_left(200.0) == 0.001
    with pytest.raises(TimeoutError):
        plan.delay_after(refused, 101.0)


def test_plan_without_deadline_never_ends() -> None:
    plan = DialPlan(UnixAddress("x"), timeout=None, wait_for_socket=True, now=0.0)
    assert plan.seconds_left(1e9) is None
    assert plan.delay_after(FileNotFoundError(errno.ENOENT, "x"), 1e9) == 0.001
    with pytest.raises(PermissionError):
        plan.delay_after(PermissionError(errno.EACCES, "x"), 1e9)


def test_a_young_socket_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "s"

    def rest(address: UnixAddress, age: float, *, timeout: float | None = None) -> float:
        os.utime(path, (time.time() - age,) * 2)
        plan = DialPlan(address, timeout=timeout, wait_for_socket=True, now=0.0)
        return plan.seconds_to_settle(0.0)

    unix = UnixAddress(str(path))
    with listen(path, backlog=1):
        assert 0.0 < rest(unix, 0.01) <= 0.04
        assert rest(unix, 0.01, timeout=0.005) == 0.005
        assert rest(unix, 0.06) == 0.0
        assert rest(unix, -10.0) == 0.0  # the clock has been set back
        assert rest(UnixAddress(f"@{path}"), 0.01) == 0.0
        hurried = DialPlan(unix, timeout=None, wait_for_socket=False, now=0.0)
        os.utime(path)
        assert hurried.seconds_to_settle(0.0) == 0.0
    plan = DialPlan(UnixAddress(str(tmp_path / "no")), timeout=None, wait_for_socket=True, now=0.0)
    assert plan.seconds_to_settle(0.0) == 0.0


def test_who_waits_connects_when_the_socket_has_settled(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(path, backlog=1):
        made = path.stat().st_mtime
        connect(path, PATIENCE, wait_for_socket=True)
        assert time.time() - made >= limits.DIAL_SETTLE - CLOCK_STEP


def test_a_zero_timeout_tries_once(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delay_after, tries = DialPlan.delay_after, []

    def count(self: DialPlan, error: OSError, now: float) -> float:
        tries.append(error)
        return delay_after(self, error, now)

    monkeypatch.setattr(DialPlan, "delay_after", count)
    with pytest.raises(TimeoutError):
        connect(tmp_path / "s", 0, wait_for_socket=True)
    assert len(tries) == 1
    with listen(tmp_path / "s", backlog=1):
        connect(tmp_path / "s", 0)
