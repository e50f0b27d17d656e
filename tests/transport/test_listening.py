"""Binding: addresses that are refused, and files that are kept."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from qmpeer.transport import TcpAddress, dial, listen, unlink_if_ours
from qmpeer.transport.listening import local_address
from tests.patience import PATIENCE

SIX = pytest.param("[::1]", marks=pytest.mark.ipv6)


def leave_dead_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777], ids=oct)
@pytest.mark.parametrize("mode", [0o600, 0o660], ids=oct)
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with listen(tmp_path / "s", backlog=1, mode=mode):
            found = (tmp_path / "s").stat().st_mode
    finally:
        os.umask(before)
    assert stat.S_ISSOCK(found)
    assert stat.S_IMODE(found) == mode


def test_the_mode_is_right_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    chmod = os.chmod

    def look_and_chmod(path: str, mode: int) -> None:
        seen.append(stat.S_IMODE(os.stat(path).st_mode))
        chmod(path, mode)

    monkeypatch.setattr(os, "chmod", look_and_chmod)
    listen(tmp_path / "s").close()
    assert seen == [0o600]


def test_a_dead_socket_is_removed(tmp_path: Path) -> None:
    leave_dead_socket(tmp_path / "s")
    with listen(tmp_path / "s") as sock:
        dial(tmp_path / "s", timeout=PATIENCE).close()
        sock.accept()[0].close()


@pytest.mark.parametrize("is_full", [False, True], ids=["idle", "full"])
def test_a_live_socket_is_left_alone(tmp_path: Path, is_full: bool) -> None:
    path = tmp_path / "s"
    with listen(path, backlog=0) as live, socket.socket(socket.AF_UNIX) as client:
        if is_full:
            client.connect(str(path))
        inode = path.stat().st_ino
        with pytest.raises(OSError, match="somebody is listening here") as found:
            listen(path)
        assert found.value.errno == errno.EADDRINUSE
        assert path.stat().st_ino == inode
        live.getsockname()


def test_a_socket_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(str(tmp_path / "s"))
        with pytest.raises(OSError, match="the address is in use: Protocol wrong type"):
            listen(tmp_path / "s")
        assert (tmp_path / "s").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "symlink", "dangling symlink", "FIFO"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s"
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "FIFO":
            os.mkfifo(path)
        case "symlink":
            leave_dead_socket(tmp_path / "dead")
            path.symlink_to(tmp_path / "dead")
        case _:
            path.symlink_to(tmp_path / "nothing")
    before = path.lstat()
    with pytest.raises(OSError, match="a file here that is not a socket") as found:
        listen(path)
    assert found.value.errno == errno.EADDRINUSE
    assert path.lstat().st_ino == before.st_ino


def test_own_path_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with listen("unix:s") as sock:
        monkeypatch.chdir("/")
        unlink_if_ours(sock)
        unlink_if_ours(sock)
    assert not (tmp_path / "s").exists()


def test_anothers_path_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with listen(path) as sock:
        path.unlink()
        with listen(path) as other:
            unlink_if_ours(sock)
            assert path.exists()
            unlink_if_ours(other)
            assert not path.exists()


def test_sockets_that_we_have_not_bound_are_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
        unlink_if_ours(sock)
    assert (tmp_path / "s").exists()


def test_no_path_is_left_when_listening_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str, mode: int) -> None:
        raise PermissionError(errno.EPERM, "by the test")

    monkeypatch.setattr(os, "chmod", fail)
    with pytest.raises(PermissionError):
        listen(tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory: 'unix:"):
        listen(tmp_path / "no" / "s")


def test_servers_that_start_at_once_do_not_remove_each_other(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(20):
        leave_dead_socket(path)
        won: list[socket.socket] = []
        lost: list[OSError] = []

        def start(won: list[socket.socket] = won, lost: list[OSError] = lost) -> None:
            try:
                won.append(listen(path, backlog=8))
            except OSError as error:
                lost.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1, lost
        dial(path, timeout=PATIENCE).close()
        unlink_if_ours(won[0])
        won[0].close()


def test_abstract_sockets_have_no_file(tmp_path: Path) -> None:
    with listen(f"unix:@{tmp_path}") as sock:
        assert str(local_address(sock)) == f"unix:@{tmp_path}"
        dial(f"unix:@{tmp_path}", timeout=PATIENCE).close()
        with pytest.raises(OSError) as found:
            listen(f"unix:@{tmp_path}")
        assert found.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", SIX, "localhost"])
def test_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *args: int, **options: int) -> list[Any]:
        hosts = ["::1", "127.0.0.1"] if host == "localhost" else [host]
        return [found for each in hosts for found in real(each, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with listen(f"tcp:{host}:0") as sock:
        address = local_address(sock)
        assert isinstance(address, TcpAddress)
        assert address.port
        dial(address, timeout=PATIENCE).close()
        with pytest.raises(OSError, match=r"Address already in use: 'tcp:") as found:
            listen(address)
        assert found.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("address", ["tcp::0", "tcp:0.0.0.0:0", "tcp:[::]:0", "tcp:192.0.2.1:0"])
def test_the_network_is_refused(address: str) -> None:
    with pytest.raises(PermissionError) as found:
        listen(address)
    assert str(found.value) == (
        f"{address} can be reached from other machines, without a password; "
        "use 127.0.0.1, [::1] or a unix socket, or insecure=True"
    )


def test_guests_are_refused() -> None:
    with pytest.raises(PermissionError, match="can be reached by guests"):
        listen("vsock:4294967295:1234")


def test_a_name_is_refused_if_one_of_its_addresses_is(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    found = [(*kind, ("127.0.0.1", 0)), (*kind, ("192.0.2.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(PermissionError):
        listen("tcp:localhost:0")


@pytest.mark.ipv6
def test_the_network_is_allowed_on_demand() -> None:
    with listen("tcp::0", backlog=8, insecure=True) as sock:
        port = sock.getsockname()[1]
        for host in ("127.0.0.1", "[::1]", ""):  # every interface, both versions
            dial(f"tcp:{host}:{port}", timeout=PATIENCE).close()


def test_a_listening_socket_is_taken_as_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert listen(server) is server


def test_fd_that_listens() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    with listen(f"fd:{server.detach()}") as sock:
        assert sock.getsockname() == address


def test_a_given_socket_has_to_listen() -> None:
    with socket.socket() as sock:
        with pytest.raises(ValueError, match="expected a socket that listens"):
            listen(sock)
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        with pytest.raises(PermissionError):
            listen(sock)
        assert listen(sock, insecure=True) is sock


def test_listening_sockets_are_not_inherited(tmp_path: Path) -> None:
    with listen(tmp_path / "s") as sock:
        assert not sock.get_inheritable()
