"""The emulator for libvirt, started as libvirt starts it, with a real QEMU behind it.

Modules: emulator_file.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from qmpeer.proxy.emulator import EmulatorSettings, main, read_settings
from qmpeer.proxy.emulator_file import closed_folders, install_emulator
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

LIBVIRTS_ENVIRONMENT = {"LC_ALL=C", f"PATH={os.defpath}"}


class AsLibvirt:
    """The part of libvirt: it listens, and starts an emulator.

    Attributes:
        file: The number of a descriptor that it has passed on, beside that of the monitor.
    """

    def __init__(self, folder: Path, qemu: str) -> None:
        self.folder = folder
        self.qemu = qemu
        self.path = folder / "monitor.sock"
        self.file = -1
        self.started: list[subprocess.Popen[str]] = []

    def install(self, places: str, *, or_direct: bool = False) -> Path:
        """Install an emulator whose proxy listens for others at a place."""
        options = ["-qmp", f"unix:{places},server=on,wait=off"]
        install_emulator(
            str(self.folder / "emulator"), EmulatorSettings(self.qemu, options, or_direct)
        )
        return self.folder / "emulator"

    def start(self, program: Path | str) -> "subprocess.Popen[str]":
        """Start a program with a monitor of libvirt, in libvirt's environment."""
        self.path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, open("/dev/zero") as file:
            listener.bind(str(self.path))
            listener.listen()
            self.file = file.fileno()
            device = f"socket,id=charmonitor,fd={listener.fileno()},server=on,wait=off"
            process = subprocess.Popen(
                [program, *BASE, "-name", "guest=vm,debug-threads=on", "-chardev", device,
                 "-mon", "chardev=charmonitor,id=monitor,mode=control"],
                pass_fds=(listener.fileno(), file.fileno()),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=dict(word.split("=", 1) for word in LIBVIRTS_ENVIRONMENT),
                text=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate(timeout=PATIENCE)  # to the end of standard error: the proxy's too


@pytest.fixture
def libvirt(tmp_path: Path, program: Callable[[str], str]) -> Iterator[AsLibvirt]:
    """Starts emulators as libvirt does."""
    made = AsLibvirt(tmp_path, program(QEMU))
    yield made
    made.end()


def _descriptors(process: int) -> dict[int, str]:
    found = {}
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found[int(each.name)] = os.readlink(each)
    return found


def _environment(process: int) -> set[str]:
    """Return a process's variables without those that shells, and a QEMU in a shell script, set."""
    words = Path(f"/proc/{process}/environ").read_text().rstrip("\0").split("\0")
    return {word for word in words if not word.startswith(("PWD=", "QEMU_MODULE_DIR="))}


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def _proxy_of(socket_path: Path) -> int:
    """Return the process that listens at a path: the one that accepts a client there."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(socket_path))
        words = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(words[:4], sys.byteorder)


@pytest.mark.real
def test_qemu_with_a_proxy(libvirt: AsLibvirt) -> None:
    emulator = libvirt.install(f"{libvirt.folder}/%n.qmp")
    qemu = libvirt.start(emulator)
    others = libvirt.folder / "vm.qmp"
    with Client.connect(libvirt.path) as owner, Client.connect(others) as other:
        assert owner.execute("query-name") == other.execute("query-name") == {"name": "vm"}
        # QEMU is the process that libvirt forked, and knows nothing of a proxy.
        assert os.readlink(f"/proc/{qemu.pid}/exe") != os.path.realpath(sys.executable)
        proxy = _proxy_of(others)
        assert proxy != qemu.pid
        assert _parent(proxy) != qemu.pid
        assert os.getsid(proxy) != os.getsid(qemu.pid)
        assert _environment(qemu.pid) == LIBVIRTS_ENVIRONMENT
        qemus, proxys = _descriptors(qemu.pid), _descriptors(proxy)
        assert qemus[libvirt.file] == "/dev/zero"
        assert "/dev/zero" not in proxys.values()
        assert proxys[0] == "/dev/null"
        shared = set(qemus.values()) & set(proxys.values())
        assert {each for each in shared if each.startswith(("socket:", "pipe:"))} == {proxys[2]}
        mark = owner.event_mark()
        other.execute("quit")
        owner.wait_event("SHUTDOWN", since=mark)
    assert qemu.wait(PATIENCE) == 0
    assert qemu.stderr is not None
    qemu.stderr.read()  # its end is the end of the proxy, too
    assert not others.exists()
    assert not libvirt.path.exists()


@pytest.mark.real
def test_a_proxy_that_cannot_start(libvirt: AsLibvirt) -> None:
    nowhere = f"{libvirt.folder}/nowhere/%n.qmp"
    qemu = libvirt.start(libvirt.install(nowhere))
    _, said = qemu.communicate(timeout=PATIENCE)
    assert qemu.returncode == 1
    assert f"Failed to bind socket to {libvirt.folder}/nowhere/vm.qmp: No such file" in said
    assert said.endswith("qmpeer proxy: the proxy has ended before it listened\n")

    qemu = libvirt.start(libvirt.install(nowhere, or_direct=True))
    with Client.connect(libvirt.path) as owner:
        assert owner.execute("query-name") == {"name": "vm"}
        owner.execute("quit")
    _, said = qemu.communicate(timeout=PATIENCE)
    assert qemu.returncode == 0
    assert said.endswith("it listened; QEMU starts without a proxy\n")


def test_without_a_monitor_it_is_qemu(tmp_path: Path) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text(
        '#!/bin/sh\n[ "$*" != -version ] || exec echo QEMU 11\n'
        'echo "$*"; ls /proc/self/fd; grep -E ^Sig[^Q] /proc/self/status; env\n'
    )
    qemu.chmod(0o755)
    emulator = tmp_path / "emulator"
    version = install_emulator(str(emulator), EmulatorSettings(str(qemu), []))
    assert version == "QEMU 11"
    assert emulator.stat().st_mode & 0o777 == 0o755
    words = ["-machine", "none", "-name", "a  'b'", "-daemonize", "--", "-x"]
    direct, through = (
        subprocess.run([each, *words], capture_output=True, text=True, timeout=PATIENCE)
        for each in (qemu, emulator)
    )
    assert direct.stdout.startswith("-machine none -name a  'b' -daemonize -- -x\n")
    assert direct.stdout == through.stdout
    assert direct.stderr == through.stderr == ""


def test_no_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-qmp", "x", "--"]) == 1
    assert capsys.readouterr().err == "qmpeer proxy: expected --qemu QEMU first\n"


def test_settings_are_words() -> None:
    for settings in (
        EmulatorSettings("/q", ["-qmp", "unix:/%n"]),
        EmulatorSettings("/q", [], or_direct=True),
    ):
        assert read_settings(settings.words()) == settings


@pytest.mark.parametrize(
    ("qemu", "error"),
    [
        ("qemu-kvm", "found the QEMU 'qemu-kvm', expected its full path"),
        ("/bin/true", "found '' as answer to -version, expected that of a QEMU"),
        ("/bin/echo", "found '-version' as answer to -version, expected that of a QEMU"),
        ("/bin/false", "the emulator can't start QEMU: exit status 1"),
        ("/nowhere/q", "can't start QEMU: qmpeer proxy: /nowhere/q: No such file or directory"),
    ],
)
def test_an_emulator_that_does_not_work(tmp_path: Path, qemu: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        install_emulator(str(tmp_path / "emulator"), EmulatorSettings(qemu, []))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "qemu"
    path.write_text("#!/bin/sh\n")
    with pytest.raises(ValueError, match="qemu, which is no emulator that may be replaced"):
        install_emulator(str(path), EmulatorSettings("/bin/true", []))
    path.unlink()
    qemu, newer = (tmp_path / name for name in ("7.2", "10.0"))
    for each in (qemu, newer):
        each.write_text(f"#!/bin/sh\necho QEMU {each.name}\n")
        each.chmod(0o755)
    install_emulator(str(path), EmulatorSettings(str(qemu), []))
    with pytest.raises(ValueError, match="which is the emulator, expected the real QEMU"):
        install_emulator(str(path), EmulatorSettings(str(path), []))
    before = path.read_text()
    with pytest.raises(ValueError, match="expected that of a QEMU"):
        install_emulator(str(path), EmulatorSettings("/bin/true", []))
    assert path.read_text() == before
    install_emulator(str(path), EmulatorSettings(str(newer), []))
    assert str(newer) in path.read_text()


def test_no_folder_for_the_file(tmp_path: Path) -> None:
    path = f"{tmp_path}/no/emulator"
    with pytest.raises(FileNotFoundError) as raised:
        install_emulator(path, EmulatorSettings("/bin/true", []))
    assert raised.value.filename == path


def test_folders_that_are_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "open").mkdir(parents=True)
    closed.chmod(0o700)
    assert str(closed) in closed_folders(str(closed / "open" / "emulator"))
    closed.chmod(0o711)
    assert str(closed) not in closed_folders(str(closed / "open" / "emulator"))
