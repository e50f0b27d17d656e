"""The users of a unix socket, as the kernel and /proc tell them.

Modules: unix_diag.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.transport import unix_diag
from qmpeer.transport.unix_diag import unix_sockets
from qmpeer.transport.unix_users import Process, Users, find_users

CLIENT = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "q"))
        sock.listen(4)
        yield sock


@pytest.fixture
def client(tmp_path: Path, listener: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """Another process that is connected."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", CLIENT, str(tmp_path / "q")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def own() -> Process:
    return Process(os.getpid(), Path("/proc/self/comm").read_text().strip())


def test_another_process_holds_it(
    tmp_path: Path, listener: socket.socket, client: subprocess.Popen[str]
) -> None:
    path = tmp_path / "q"
    assert find_users(str(path)) == Users(own(), (), 0)  # it waits in the queue
    held, _ = listener.accept()
    with held:
        for _ in range(2):
            users = find_users(str(path))
            assert users.is_held
            assert users.listener == own()
            assert [each.pid for each in users.clients] == [client.pid]
            assert str(users).startswith(f"pid {client.pid} (python")
            assert str(users).endswith(") holds it")
            path = path.rename(tmp_path / "moved")  # the same socket under another name
    assert not find_users(str(path)).is_held


def test_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_users("q").listener == own()


def test_own_connections_do_not_count(tmp_path: Path, listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as mine:
        mine.connect(str(tmp_path / "q"))
        held, _ = listener.accept()
        with held:
            assert find_users(str(tmp_path / "q")) == Users(own(), (), 0)


def test_a_process_that_cannot_be_seen(
    tmp_path: Path,
    listener: socket.socket,
    client: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listdir = os.listdir

    def hide(folder: str) -> list[str]:
        if folder == f"/proc/{client.pid}/fd":
            raise PermissionError(13, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", hide)
    held, _ = listener.accept()
    with held:
        users = find_users(str(tmp_path / "q"))
    assert users == Users(own(), (), 1)
    assert "a client holds it whose process can't be seen" in str(users)


def test_a_kernel_that_tells_nothing(
    tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Iterator[None]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(unix_diag, "unix_sockets", refuse)
    users = find_users(str(tmp_path / "q"))
    assert (users, users.is_held) == (Users(), False)
    assert str(users) == "its server serves another client, or hangs"


def test_a_socket_of_another_namespace(tmp_path: Path) -> None:
    """Its file is here, but it is in no list."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "q"))
    assert find_users(str(tmp_path / "q")) == Users()


def test_no_such_socket(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_users(str(tmp_path / "q"))


@pytest.mark.parametrize(
    ("users", "text"),
    [
        (Users(None, (Process(1, "a"), Process(2, "")), 0), "pid 1 (a), pid 2 (unknown program) h"),
        (Users(Process(3, "qemu"), (), 0), "its server, pid 3 (qemu), serves no other client, so"),
    ],
)
def test_sentences(users: Users, text: str) -> None:
    assert str(users).startswith(text)


def test_pairs_are_each_others_peers() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        inodes = [os.fstat(each.fileno()).st_ino for each in (one, other)]
        found = {each.inode: each for each in unix_sockets()}
    assert [found[inode].peer for inode in inodes] == inodes[::-1]
    assert {found[inode].name for inode in inodes} == {b""}
