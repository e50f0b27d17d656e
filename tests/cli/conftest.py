"""Real servers for tests of the tools: a machine with disks and a NIC, a daemon, an agent."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.programs import Start
from tests.patience import PATIENCE
from tests.qemu import QEMU

HARMFUL = (
    "guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,guest-fsfreeze-thaw,guest-fstrim,"
    "guest-set-time,guest-shutdown,guest-suspend-disk,guest-suspend-hybrid,guest-suspend-ram"
)
"""What would be done to the machine that the tests run on."""
MIB = 1 << 20


@pytest.fixture(autouse=True)
def patience_with_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a busy machine more time to list names for completion."""
    monkeypatch.setattr("qmpeer.limits.NAMES_TIMEOUT", PATIENCE)


@pytest.fixture(autouse=True)
def process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep servers that run in the tests' own process from changing it for later tests."""
    for name in ("block_signals", "raise_fd_limit", "watch_signals"):
        monkeypatch.setattr(f"qmpeer.options.process.{name}", lambda *args: None)


@pytest.fixture(scope="session")
def start() -> Iterator[Start]:
    starting = Start()
    yield starting
    starting.end()


@pytest.fixture(scope="session")
def disks(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two qcow2 images, of 64 and of 32 MiB, the second on top of a third."""
    folder = tmp_path_factory.mktemp("disks")
    paths = [folder / f"{name}.qcow2" for name in ("a", "b", "base")]
    make = [program("qemu-img"), "create", "-q", "-f", "qcow2"]
    for words in (
        [str(paths[0]), "64M"],
        [str(paths[2]), "32M"],
        ["-b", str(paths[2]), "-F", "qcow2", str(paths[1])],
    ):
        subprocess.run([*make, *words], check=True, timeout=PATIENCE)
    return paths


@pytest.fixture(scope="session")
def qemu(
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    start: Start,
    disks: list[Path],
) -> str:
    """A real machine, stopped; its monitor's path."""
    path = tmp_path_factory.mktemp("qemu") / "q"
    argv = [
        program(QEMU), "-machine", "q35", "-m", "64", "-smp", "2", "-accel", "tcg",
        "-display", "none", "-S", "-name", "vm one", "-nodefaults", "-device", "VGA,id=screen",
        "-uuid", "11111111-2222-3333-4444-555555555555",
        "-blockdev", f"driver=qcow2,node-name=n0,file.driver=file,file.filename={disks[0]}",
        "-device", "virtio-blk,drive=n0,id=disk0",
        "-drive", f"file={disks[1]},if=none,id=second,format=qcow2,readonly=on",
        "-device", "virtio-blk,drive=second,id=disk1",
        "-device", "ide-cd,id=cd",
        "-netdev", "user,id=net0,restrict=on",
        "-device", "virtio-net-pci,netdev=net0,id=nic0,mac=52:54:00:12:34:56",
        "-blockdev", f"driver=null-co,node-name=source,size={64 * MIB}",
        "-blockdev", f"driver=null-co,node-name=sink,size={64 * MIB}",
        "-qmp", f"unix:{path},server=on,wait=off",
        "-qmp", f"unix:{path}2,server=on,wait=off",
    ]  # fmt: skip
    start(argv, path)
    return str(path)


@pytest.fixture(scope="session")
def daemon(
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    start: Start,
    disks: list[Path],
) -> str:
    """A real storage daemon; its monitor's path."""
    path = tmp_path_factory.mktemp("daemon") / "q"
    argv = [
        program("qemu-storage-daemon"),
        "--blockdev", "driver=null-co,node-name=null0,size=1048576",
        "--nbd-server", f"addr.type=unix,addr.path={path}.nbd",
        "--export", "nbd,id=export0,node-name=null0",
        "--chardev", f"socket,id=monitor,path={path},server=on,wait=off",
        "--monitor", "chardev=monitor",
    ]  # fmt: skip
    start(argv, path)
    return str(path)


@pytest.fixture(scope="session")
def agent(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, start: Start
) -> str:
    """A real guest agent that can do no harm here; its path."""
    folder = tmp_path_factory.mktemp("agent")
    (folder / "state").mkdir()
    path = folder / "ga"
    options = ["-m", "unix-listen", "-p", str(path), "-t", str(folder / "state"), "-b", HARMFUL]
    start([program("qemu-ga"), *options], path)
    return str(path)


@pytest.fixture
def no_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of rich fail."""
    for name in ("rich", *(name for name in sys.modules if name.startswith("rich."))):
        monkeypatch.setitem(sys.modules, name, None)
