"""``qmpeer proxy`` in its server's place, and at sockets that systemd passes.

Modules: place_options, proxy_command, proxy_place, proxy_process.
"""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import AsyncClient, Monitor, limits
from qmpeer.cli.main import main
from qmpeer.cli.proxy_options import ProxyOptions, parse_options
from qmpeer.options import StartError
from qmpeer.transport.unix_users import find_users
from tests.cli.taking_over import Running, name_of, qemu_at
from tests.patience import PATIENCE
from tests.qemu import QEMU


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q"


@pytest.fixture
def qemu(path: Path, program: Callable[[str], str]) -> Iterator[subprocess.Popen[bytes]]:
    """A QEMU at the path."""
    with qemu_at(program(QEMU), path) as process:
        yield process


@pytest.fixture
def systemd(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[socket.socket]:
    """The socket on which programs tell systemd about their states."""
    place = str(tmp_path_factory.mktemp("systemd") / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(place)
        sock.settimeout(PATIENCE)
        yield sock


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


async def asked(path: Path | str) -> object:
    async with await AsyncClient.connect(str(path), timeout=PATIENCE) as client:
        return await client.execute("query-name")


# --- In the place of a real QEMU ------------------------------------------------------------------


@pytest.mark.real
async def test_old_clients_go_on_to_work(
    qemu: subprocess.Popen[bytes], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.chmod(0o640)
    async with Running(str(path), "--take-over", "--print-address") as proxy:
        assert json.loads(capsys.readouterr().out)["path"] == str(path)
        assert names(path) == ["q", "q.qmpeer-behind"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert await asyncio.gather(*(asked(path) for _ in range(3))) == [{}] * 3
        with pytest.raises(StartError, match=rf"pid {os.getpid()} .* stands at {path} already"):
            async with Running(str(path), "--take-over"):
                pass
    assert proxy.status == 0
    assert names(path) == ["q"]
    async with await AsyncClient.connect(str(path)) as direct:
        assert await direct.execute("query-name") == {}
        assert qemu.poll() is None


@pytest.mark.real
@pytest.mark.parametrize("is_killed", [False, True], ids=["quit", "SIGKILL"])
async def test_qemu_ends(qemu: subprocess.Popen[bytes], path: Path, is_killed: bool) -> None:
    """It removes the path by its name, or removes nothing; nothing is left of either."""
    async with (
        Running(str(path), "--take-over") as proxy,
        await AsyncClient.connect(str(path)) as client,
    ):
        if is_killed:
            qemu.kill()
        else:
            await client.execute("quit")
        await proxy.wait()
    assert names(path) == []
    if is_killed:
        assert any("the server has gone" in each for each in proxy.said)


@pytest.mark.real
@pytest.mark.parametrize("is_killed", [False, True], ids=["quit", "SIGKILL"])
async def test_the_next_qemu(
    qemu: subprocess.Popen[bytes],
    path: Path,
    program: Callable[[str], str],
    systemd: socket.socket,
    is_killed: bool,
) -> None:
    """Clients stay and come while there is no QEMU; the next one starts at the same path."""
    async with (
        Running(str(path), "--take-over", "--reconnect") as proxy,
        await AsyncClient.connect(str(path)) as staying,
    ):
        mark = await staying.event_mark()
        if is_killed:
            qemu.kill()
        else:
            await staying.execute("quit")
        await staying.wait_event("__QMPEER_SERVER_LOST", since=mark, timeout=PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while names(path) != ["q"]:
                await asyncio.sleep(0.005)
        early = asyncio.create_task(asked(path))
        with qemu_at(program(QEMU), path) as following:
            assert await staying.execute("query-name") == {}
            assert await early == {}
            async with asyncio.timeout(PATIENCE):
                while names(path) != ["q", "q.qmpeer-behind"]:
                    await asyncio.sleep(0.005)
            assert await asked(path) == {}
            await proxy.stop()
            assert names(path) == ["q"]
            async with await AsyncClient.connect(str(path)) as direct:
                assert await direct.execute("query-name") == {}
                assert following.poll() is None
    assert not any("can't" in each for each in proxy.said)
    assert [systemd.recv(100) for _ in range(4)] == [
        b"READY=1\nSTATUS=serving clients",
        b"STATUS=waiting for the server",
        b"STATUS=serving clients",
        b"STOPPING=1\nSTATUS=ending",
    ]


@pytest.mark.real
def test_after_a_crash(
    qemu: subprocess.Popen[bytes], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "qmpeer", "proxy", str(path), "--take-over", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as proxy:
        assert proxy.stdout is not None
        proxy.stdout.readline()
        assert main(["proxy", "--restore", str(path)]) == 2
        error = f"--restore {path}: pid {proxy.pid} ("
        assert error in capsys.readouterr().err
        assert name_of(path) == {}
        proxy.kill()
    assert names(path) == ["q", "q.qmpeer-behind"]

    async def goes_on() -> None:
        async with Running(str(path), "--take-over"):
            assert await asked(path) == {}

    asyncio.run(goes_on())
    assert names(path) == ["q"]
    assert name_of(path) == {}
    os.rename(path, f"{path}.qmpeer-behind")  # as after another crash
    assert main(["proxy", "--restore", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: the server's socket is back in its place\n"
    assert main(["proxy", "--restore", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: there was no moved socket\n"
    assert name_of(path) == {}


@pytest.mark.real
async def test_another_client_holds_the_monitor(qemu: subprocess.Popen[bytes], path: Path) -> None:
    holder = f"import socket; s = socket.socket(1); s.connect({str(path)!r}); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-S", "-u", "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        while not _is_greeted(path):
            await asyncio.sleep(0.01)
        # The error comes after PROXY_SILENCE seconds; that at the deadline, 10 s, begins with
        # "waited".
        assert limits.PROXY_SILENCE + 0.5 <= 2
        with pytest.raises(StartError, match=rf"doesn't greet: pid {client.pid} \(python.*\) hold"):
            async with Running(str(path), "--take-over"):
                pass
        assert names(path) == ["q"]
        with pytest.raises(StartError, match=rf"pid {client.pid} \(python.*\) holds it"):
            async with Running(str(path), "--timeout", "0.1", "-qmp", "unix:x,server=on,wait=off"):
                pass
        client.kill()


def _is_greeted(path: Path) -> bool:
    """Return True if QEMU has accepted a client."""
    return find_users(str(path)).is_held


# --- The rights of sockets ------------------------------------------------------------------------


async def test_mode_and_owner(tmp_path: Path, path: Path) -> None:
    machine = Monitor(name="vm", version=(7, 2, 0))
    await machine.listen(str(path), many=True)
    me = f"{os.getuid()}:{os.getgid()}"
    words = ("--socket-mode", "0666", "--socket-owner", me)
    device = f"unix:{tmp_path}/all,server=on,wait=off"
    async with Running(str(path), "-qmp", device, "--take-over", *words):
        for each in (path, tmp_path / "all"):
            assert stat.S_IMODE(each.stat().st_mode) == 0o666
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    machine.shutdown()
    await machine.wait_closed()


def parse(*words: str) -> ProxyOptions:
    return parse_options(["q", "-qmp", "stdio", *words], pytest.fail)


def test_owners() -> None:
    assert parse().socket_owner is None
    assert parse("--socket-owner", "root").socket_owner == (0, -1)
    assert parse("--socket-owner", "root:0").socket_owner == (0, 0)
    assert parse("--socket-owner", ":12").socket_owner == (-1, 12)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "--socket-mode rw",
            "--socket-mode rw: expected a mode in octal, such as 660, at most 777",
        ),
        ("--socket-mode 1777", "--socket-mode 1777: expected a mode in octal"),
        ("--socket-mode 0o660", "--socket-mode 0o660: expected a mode in octal"),
        ("--socket-owner :", "--socket-owner :: expected USER, USER:GROUP or :GROUP"),
        ("--socket-owner no-one-here", "--socket-owner no-one-here: found no user 'no-one-here'"),
        ("--socket-owner root:nobodies", "--socket-owner root:nobodies: found no group 'nobodies'"),
        ("--socket-owner 4294967295", "--socket-owner 4294967295: found no user '4294967295'"),
        ("--restore q", "--restore {folder}/q: expected no ADDRESS and no listener besides"),
    ],
)
def test_what_is_wrong(
    words: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["proxy", "q", "-qmp", "stdio", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"qmpeer proxy: {reason.format(folder=tmp_path)}")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("tcp:localhost:1 --take-over", "--take-over: found 'tcp:localhost:1', expected the path"),
        ("unix:@q --take-over", "--take-over: found 'unix:@q', expected the path of a unix socket"),
        ("q --take-over", "unix:{folder}/q: "),
        (
            "--restore tcp:localhost:1",
            "--restore tcp:localhost:1: expected the path of a unix sock",
        ),
        ("--restore q --take-over", "--restore {folder}/q: expected no ADDRESS"),
        (
            "--restore file",
            "--restore {folder}/file: found a file that is no socket at {folder}/fil",
        ),
    ],
)
def test_places_that_are_none(
    words: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.qmpeer-behind").touch()
    assert main(["proxy", *words.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"qmpeer proxy: {reason.format(folder=tmp_path)}")
    assert names(tmp_path / "file") == ["file.qmpeer-behind"]


# --- Under systemd --------------------------------------------------------------------------------

ACTIVATED = """
import os, sys
for at, fd in enumerate(map(int, sys.argv[1].split(","))):
    os.dup2(fd, 3 + at)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "qmpeer", "proxy", *sys.argv[2:]])
"""


def test_activation(path: Path, tmp_path: Path, systemd: socket.socket) -> None:
    """This test is systemd: it makes the sockets, starts the service, and hears of it."""
    machine = Monitor(name="vm", version=(7, 2, 0))
    machine.command("query-name")(lambda: {"name": "vm"})
    machine.start(str(path))
    places = [tmp_path / "one", tmp_path / "two"]
    listeners = [socket.socket(socket.AF_UNIX) for _ in places]
    for place, each in zip(places, listeners, strict=True):
        each.bind(str(place))
        each.listen(8)
    fds = [each.fileno() for each in listeners]
    command = [sys.executable, "-S", "-c", ACTIVATED, ",".join(map(str, fds)), str(path)]
    variables = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "first:second"}
    with subprocess.Popen(command, env={**os.environ, **variables}, pass_fds=fds) as service:
        assert systemd.recv(4096) == b"READY=1\nSTATUS=serving clients"
        for place in places:
            assert name_of(place) == {"name": "vm"}
        service.send_signal(signal.SIGTERM)
        assert systemd.recv(4096).startswith(b"STOPPING=1\n")
        assert service.wait(PATIENCE) == 0
    assert all(place.is_socket() for place in places)  # they are systemd's
    for each in listeners:
        each.close()
    machine.shutdown()
