"""Paths, resolved as the server would open them: below its own root, in its own mounts.

Modules: fd_sets, held_files, paths.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.policy.cases import SupposedFacts
from qmpeer.policy.fd_sets import fd_set_failure, fd_set_of
from qmpeer.policy.held_files import HeldFiles
from qmpeer.policy.paths import ServerFiles
from tests.patience import PATIENCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder and links, and a file and a folder beside it."""
    vm = tmp_path / "vm"
    (vm / "sub").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "vm-2").mkdir()
    for name in ("vm/disk", "secret", "vm-2/disk"):
        (tmp_path / name).write_bytes(name.encode())
    links = {
        "vm/to-disk": f"{vm}/disk",
        "vm/relative": "sub/../disk",
        "vm/up": "..",
        "vm/out": "../secret",
        "vm/out-absolute": f"{tmp_path}/secret",
        "vm/beside": f"{tmp_path}/beside",
        "vm/chain": "out",
        "vm/dangling": "nothing",
        "vm/dangling-out": f"{tmp_path}/nothing",
        "vm/loop": "loop",
        "vm/fds": "/proc/self/fd",
        "vm/devices": "/dev/fd",
        "vm-link": "vm",
        "inwards": "vm/disk",
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    return vm


INSIDE = [
    "vm/disk",
    "vm/new",
    "vm/sub/new",
    "vm/sub/../disk",
    "vm//sub///..//./disk",
    "vm/disk/",
    "vm/to-disk",
    "vm/relative",
    "vm/up/vm/disk",
    "vm-link/disk",
    "inwards",
    "beside/../vm/disk",
    "../" * 40 + "{path}/vm/disk",
]
OUTSIDE = [
    "vm",
    "vm/",
    "vm/sub/..",
    "vm/..",
    "secret",
    "vm/../secret",
    "vm/sub/../../secret",
    "vm/up/secret",
    "vm/out",
    "vm/out-absolute",
    "vm/chain",
    "vm/beside/new",
    "vm-2/disk",
    "vm-3",
]
UNJUDGED = [
    "vm/dangling",
    "vm/dangling-out",
    "vm/loop",
    "vm/nothing/new",
    "vm/nothing/../disk",
    "vm/disk/new",
    "vm/fds/0",
    "vm/devices/0",
    "vm/\0",
    "vm/\ud800",
    "vm/" + "x" * limits.PATH_SIZE,
    "vm/" + "x" * 300,
]


def judged(folder: Path, path: str) -> str | None:
    with closing(ServerFiles.of_this_machine()) as files:
        return files.under(path, str(folder))


@pytest.mark.parametrize("name", INSIDE)
def test_inside(folder: Path, name: str) -> None:
    assert judged(folder, f"{folder.parent}/{name.format(path=folder.parent)}") is None


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside(folder: Path, name: str) -> None:
    failure = judged(folder, f"{folder.parent}/{name}")
    assert failure is not None
    assert failure.endswith(f"expected a path under {folder} once links are resolved")


@pytest.mark.parametrize("name", UNJUDGED)
def test_not_judged(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="found"):
        judged(folder, f"{folder.parent}/{name}")


@pytest.mark.parametrize(
    "text",
    [
        *("", "disk", "./disk", "json:{}", "file:/x", "nbd:unix:/x", "fd:7", "exec:x", "a:b/c"),
        *("/dev/fdset/3", "/dev/fdset/3/..", "/dev/stdin", "/dev/fd/0", "/proc/self/exe"),
        *("/proc/self/root/etc", "/proc/self/cwd/x", "/proc/thread-self/fd/0"),
    ],
)
def test_no_path(folder: Path, text: str) -> None:
    with pytest.raises(ValueError, match="found"):
        judged(Path("/"), text)


def test_the_error_tells_nothing_of_the_host(folder: Path) -> None:
    """Whether a file outside is there can't be told from the answer."""
    texts: set[str] = set()
    for name in ("secret", "nothing", "nothing/more"):
        try:
            texts.add(str(judged(folder, f"{folder.parent}/{name}")).replace(f'/{name}"', ""))
        except ValueError as error:
            texts.add(str(error).replace(f'/{name}"', ""))
    assert len(texts) == 1


def test_the_folder_is_a_link(folder: Path) -> None:
    assert judged(folder.parent / "vm-link", f"{folder}/disk") is None
    with pytest.raises(ValueError, match="once links are resolved"):
        judged(folder / "dangling", f"{folder}/dangling/disk")


def test_head(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with closing(ServerFiles.of_this_machine()) as files:
        assert files.head(f"{folder}/to-disk", 3) == b"vm/"
        assert files.head(f"{folder}/new", 3) is None
        for name in ("sub", "fifo", "loop"):
            with pytest.raises(ValueError, match="found"):
                files.head(f"{folder}/{name}", 3)


def test_held_files(folder: Path) -> None:
    """What was judged is what is read and opened, whatever its path has become."""
    with closing(ServerFiles.of_this_machine()) as files:
        held = HeldFiles(files)
        path = f"{folder}/disk"
        assert held.under(path, str(folder)) is None
        os.rename(path, folder / "moved")
        (folder / "disk").symlink_to("../secret")
        assert held.under(path, str(folder)) is None
        assert held.head(path, 100) == b"vm/disk"
        fd = held.open(path, os.O_RDONLY)
        assert os.read(fd, 100) == b"vm/disk"
        os.close(fd)
        held.close()


def test_nothing_stays_open(folder: Path) -> None:
    files = ServerFiles.of_this_machine()
    before = len(os.listdir("/proc/self/fd"))
    for name in (*OUTSIDE, *UNJUDGED):
        try:
            files.under(f"{folder.parent}/{name}", str(folder))
        except ValueError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before
    files.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1
    with pytest.raises(ValueError, match="found") as caught:
        files.under("/", "/")
    assert "has gone" in str(caught.value.__cause__)


# --- Other processes

_CHROOTED = """
import os, sys
os.chroot(sys.argv[1])
os.chdir("/")
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(*argv: str) -> Iterator[int]:
    """Start a program that writes a line and waits for the end of its input."""
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as started:
        assert started.stdout is not None
        try:
            yield started.pid if started.stdout.readline() == b"ready\n" else 0
        finally:
            started.kill()
            started.wait(PATIENCE)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_root_of_its_own(folder: Path) -> None:
    """Absolute links and ``..`` stay below the root of the server's process."""
    root = folder.parent
    (root / "link").symlink_to("/vm/disk")
    (folder / "secret-link").symlink_to("/secret")
    (folder / "above").symlink_to("../../../../secret")
    with process(sys.executable, "-c", _CHROOTED, str(root)) as pid:
        files = ServerFiles.of_process(pid)
        assert files.under("/link", "/vm") is None
        assert files.under("/../../vm/disk", "/vm") is None
        for path in ("/vm/secret-link", "/vm/above"):
            assert files.under(path, "/vm") is not None
        assert files.head("/vm/above", 100) == b"secret"
        with pytest.raises(ValueError, match="once links are resolved"):
            files.under(f"{folder}/disk", str(folder))  # there is no such folder for it
    with pytest.raises(ValueError, match="found"):  # no process that has its number now is asked
        files.under("/vm/disk", "/vm")
    files.close()


def test_mounts_of_its_own(folder: Path) -> None:
    """A folder that only the server sees is judged as the server sees it."""
    unshare = shutil.which("unshare") or pytest.skip("unshare is not installed")
    script = f"mount --bind {folder.parent}/vm-2 {folder}/sub && echo ready && exec cat"
    with process(unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script) as pid:
        if pid == 0:
            pytest.skip("no mounts of one's own here")
        with closing(ServerFiles.of_process(pid)) as files:
            assert files.head(f"{folder}/sub/disk", 100) == b"vm-2/disk"
            assert files.under(f"{folder}/sub/disk", str(folder)) is None
    assert not (folder / "sub/disk").exists()


# --- Sets of descriptors


@pytest.mark.parametrize(
    "text",
    [
        *("/dev/fdset/", "/dev/fdset/01", "/dev/fdset/-1", "/dev/fdset/+1", "/dev/fdset/1 "),
        *("/dev/fdset/1/", "/dev/fdset/٣", "//dev/fdset/1", "/dev/./fdset/1", "/dev/fdset/1\n"),
    ],
)
def test_no_set(text: str) -> None:
    assert fd_set_of(text) is None


SETS = SupposedFacts(fd_sets=frozenset({3}))


@pytest.mark.parametrize("value", ["/dev/fdset/4", "/dev/fdset/03", "/etc/passwd", None, 3, ["x"]])
def test_not_its_own_set(value: object) -> None:
    failure = fd_set_failure(value, SETS)  # type: ignore[arg-type]  # JSON, too
    assert failure is not None
    assert failure.endswith("expected /dev/fdset/N with a set that this client has passed")


def test_its_own_set() -> None:
    assert fd_set_failure("/dev/fdset/3", SETS) is None
