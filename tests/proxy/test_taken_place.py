"""The place of a server's socket: taken, given back, after crashes, and what others do to it.

Modules: socket_files, taken_place.
"""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.proxy import socket_files
from qmpeer.proxy.socket_files import Found, exchange, look_at, moved_path
from qmpeer.proxy.taken_place import Outcome, TakenPlace, restore
from tests.patience import PATIENCE


class Server:
    """A server at a path, which answers each client with its name."""

    def __init__(self, path: Path, name: bytes) -> None:
        self.path = path
        self.name = name
        self.sock = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)  # as QEMU does
        self.sock.bind(str(path))
        self.sock.listen(8)

    def quit(self) -> None:
        """End as QEMU does: remove the path by its name."""
        self.path.unlink(missing_ok=True)
        self.sock.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q"


@pytest.fixture
def servers(path: Path) -> Iterator[Any]:
    made: list[Server] = []

    def make(name: bytes = b"server") -> Server:
        made.append(Server(path, name))
        return made[-1]

    yield make
    for server in made:
        server.sock.close()


def who_is_at(path: Path | str, *sockets: socket.socket) -> int:
    """Connect to a path; return which of these listening sockets gets the client."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        for at, each in enumerate(sockets):
            each.setblocking(False)
            try:
                each.accept()[0].close()
            except BlockingIOError:
                continue
            return at
    raise AssertionError(f"nobody of these is at {path}")


def drain(sock: socket.socket) -> None:
    """Accept the probes that wait in a socket's queue."""
    sock.setblocking(False)
    while True:
        try:
            sock.accept()[0].close()
        except BlockingIOError:
            return


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_there_and_back(path: Path, servers: Any) -> None:
    server = servers()
    path.chmod(0o640)
    place = TakenPlace(str(path))
    assert place.find() == str(path)
    with place.take() as ours:
        assert place.is_ours
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert who_is_at(path, ours, server.sock) == 0
        assert who_is_at(place.moved, ours, server.sock) == 1
        assert place.put_back() is Outcome.BACK
        drain(server.sock)
        assert who_is_at(path, ours, server.sock) == 1
        assert names(path) == ["q"]
        assert place.put_back() is Outcome.NOTHING
    assert names(path) == ["q"]


def test_the_path_always_leads_to_a_listener(
    path: Path, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step that changes a name in the folder is followed by a look at the path."""
    servers()
    seen: list[Found] = []
    rename, unlink = socket_files._rename, os.unlink

    def look_then_rename(source: str, target: str, flags: int) -> None:
        rename(source, target, flags)
        seen.append(look_at(str(path)))

    def look_then_unlink(name: str) -> None:
        unlink(name)
        seen.append(look_at(str(path)))

    monkeypatch.setattr(socket_files, "_rename", look_then_rename)
    monkeypatch.setattr(os, "unlink", look_then_unlink)
    place = TakenPlace(str(path))
    place.find()
    with place.take():
        assert place.put_back() is Outcome.BACK
    assert seen == [Found.ALIVE] * 3


def test_chosen_mode_and_owner(path: Path, servers: Any) -> None:
    servers()
    place = TakenPlace(str(path), mode=0o606, owner=(os.getuid(), os.getgid()))
    place.find()
    with place.take():
        status = path.stat()
        assert stat.S_IMODE(status.st_mode) == 0o606
        assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
        place.put_back()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_the_owner_of_the_server(path: Path, servers: Any) -> None:
    servers()
    os.chown(path, 1234, 4321)
    place = TakenPlace(str(path))
    place.find()
    with place.take():
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)
        place.put_back()


def test_an_owner_that_cannot_be_given(
    path: Path, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    server = servers()
    place = TakenPlace(str(path), owner=(7, -1))
    place.find()
    with pytest.raises(
        OSError, match=rf"owner 7:{os.getgid()}: Operation not permitted; as root it could"
    ):
        place.take()
    assert names(path) == ["q"]
    drain(server.sock)
    assert who_is_at(path, server.sock) == 0


# --- The end of the server -----------------------------------------------------------------------


def test_the_server_removes_our_socket_by_name(path: Path, servers: Any) -> None:
    server = servers()
    place = TakenPlace(str(path))
    place.find()
    with place.take():
        server.quit()
        assert names(path) == ["q.qmpeer-behind"]
        assert place.is_free
        assert place.put_back() is Outcome.REMOVED
    assert names(path) == []


def test_a_killed_server_leaves_nothing(path: Path, servers: Any) -> None:
    server = servers()
    place = TakenPlace(str(path))
    place.find()
    with place.take():
        server.sock.close()
        assert place.put_back() is Outcome.REMOVED
    assert names(path) == []


def test_a_new_server_at_the_path_is_left_alone(path: Path, servers: Any) -> None:
    old = servers()
    place = TakenPlace(str(path))
    place.find()
    with place.take() as ours:
        new = servers()
        assert not place.is_ours
        assert place.put_back() is Outcome.KEPT  # the old one still listens
        drain(old.sock)
        assert who_is_at(path, ours, old.sock, new.sock) == 2
        assert who_is_at(place.moved, ours, old.sock) == 1


def test_standing_again(path: Path, servers: Any) -> None:
    """The server ends, the proxy stays in its place, and a new server comes."""
    server = servers()
    place = TakenPlace(str(path))
    place.find()
    first = place.take()
    assert not place.forget_server()  # it listens
    server.quit()
    assert place.forget_server()
    first.close()
    assert names(path) == []
    with place.stand() as second:
        assert place.is_ours
        assert who_is_at(path, second) == 0
        new = servers()
        assert not place.is_ours
        assert place.find() == str(path)
        with place.take() as third:
            assert who_is_at(path, second, new.sock, third) == 2
            assert place.put_back() is Outcome.BACK
            drain(new.sock)
            assert who_is_at(path, third, new.sock) == 1


# --- Crashes -------------------------------------------------------------------------------------


def crash(path: Path) -> None:
    """Take a place, and close everything without a word, as SIGKILL does."""
    place = TakenPlace(str(path))
    place.find()
    place.take().close()


def test_a_new_proxy_after_a_crash(path: Path, servers: Any) -> None:
    server = servers()
    path.chmod(0o660)
    crash(path)
    assert names(path) == ["q", "q.qmpeer-behind"]
    place = TakenPlace(str(path))
    assert place.find() == place.moved
    drain(server.sock)
    with place.take() as ours:
        assert who_is_at(path, ours, server.sock) == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert place.put_back() is Outcome.BACK
        drain(server.sock)
        assert who_is_at(path, ours, server.sock) == 1
    assert names(path) == ["q"]


@pytest.mark.parametrize("is_removed", [False, True], ids=["our dead socket", "nothing"])
def test_restore(path: Path, servers: Any, is_removed: bool) -> None:
    server = servers()
    crash(path)
    if is_removed:
        path.unlink()
    assert restore(str(path)) is Outcome.BACK
    drain(server.sock)
    assert who_is_at(path, server.sock) == 0
    assert names(path) == ["q"]
    assert restore(str(path)) is Outcome.NOTHING


def test_restore_without_the_right_to(
    path: Path, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers()
    crash(path)
    monkeypatch.setattr("os.access", lambda folder, mode: folder != str(path.parent))
    with pytest.raises(PermissionError, match=f"can't move sockets in {path.parent}: Permission"):
        restore(str(path))
    assert names(path) == ["q", "q.qmpeer-behind"]


def test_restore_after_the_server_has_gone(path: Path, servers: Any) -> None:
    server = servers()
    crash(path)
    server.sock.close()
    assert restore(str(path)) is Outcome.REMOVED
    assert names(path) == []


def test_what_is_left_of_an_earlier_server(path: Path, servers: Any) -> None:
    servers().sock.close()
    path.rename(moved_path(str(path)))
    server = servers()
    place = TakenPlace(str(path))
    assert place.find() == str(path)
    with place.take():
        assert look_at(place.moved) is Found.ALIVE
        assert place.put_back() is Outcome.BACK
        drain(server.sock)
        assert who_is_at(path, server.sock) == 0


# --- What is refused -----------------------------------------------------------------------------


def test_two_proxies(path: Path, servers: Any) -> None:
    server = servers()
    late = TakenPlace(str(path))
    late.find()
    place = TakenPlace(str(path))
    place.find()
    with place.take() as ours:
        assert (late.server_path, late.server_path) == (place.moved, place.server_path)
        with pytest.raises(OSError, match="somebody is listening here"):
            late.take()  # it had looked before the other one came
        for refused in (TakenPlace(str(path)).find, lambda: restore(str(path))):
            with pytest.raises(OSError, match=rf"pid {os.getpid()} \(.*\) stands at {path} alre"):
                refused()
        drain(server.sock)
        drain(ours)
        assert who_is_at(path, ours, server.sock) == 0
        assert place.put_back() is Outcome.BACK


def test_another_server_comes_while_we_connect(path: Path, servers: Any) -> None:
    old = servers()
    place = TakenPlace(str(path))
    place.find()
    new = servers()
    with pytest.raises(OSError, match=f"another socket has taken {path} meanwhile"):
        place.take()
    assert names(path) == ["q"]
    assert who_is_at(path, old.sock, new.sock) == 1


def test_no_socket(path: Path, servers: Any) -> None:
    path.write_text("precious")
    place = TakenPlace(str(path))
    for step in (place.find, place.take):
        with pytest.raises(OSError, match="found a file that is no socket at"):
            step()
    assert restore(str(path)) is Outcome.NOTHING
    assert path.read_text() == "precious"


def test_a_file_at_the_moved_name(path: Path, servers: Any) -> None:
    servers()
    moved = Path(moved_path(str(path)))
    moved.write_text("precious")
    with pytest.raises(OSError, match="a file that is no socket at"):
        TakenPlace(str(path)).find()
    with pytest.raises(OSError, match="expected the socket that was moved there"):
        restore(str(path))
    assert moved.read_text() == "precious"


def test_a_file_system_that_cannot_exchange(
    path: Path, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OldLibrary:
        def __init__(self, *args: object, **options: object) -> None: ...

    server = servers()
    monkeypatch.setattr("ctypes.CDLL", OldLibrary)
    place = TakenPlace(str(path))
    place.find()
    with pytest.raises(OSError, match="can't exchange two names"):
        place.take()
    assert names(path) == ["q"]
    drain(server.sock)
    assert who_is_at(path, server.sock) == 0


def test_a_folder_that_cannot_be_written(
    path: Path, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    servers()
    monkeypatch.setattr("qmpeer.transport.listening._bind_path", refuse)
    place = TakenPlace(str(path))
    place.find()
    with pytest.raises(OSError, match=f"can't make a socket in {path.parent}: Permission denied"):
        place.take()


# --- Names ---------------------------------------------------------------------------------------


def test_a_symbolic_link(path: Path, servers: Any, tmp_path: Path) -> None:
    server = servers()
    link = tmp_path / "link"
    link.symlink_to("q")
    place = TakenPlace(str(link))
    assert place.find() == str(path)
    with place.take() as ours:
        assert who_is_at(link, ours, server.sock) == 0
        place.put_back()
    assert names(path) == ["link", "q"]
    crash(link)
    assert restore(str(link)) is Outcome.BACK
    assert link.is_symlink()


def test_names_that_fit() -> None:
    longest = "/" + "a" * 90 + "/" + "b" * 15
    assert len(longest) == limits.UNIX_PATH
    moved = moved_path(longest)
    assert moved == moved_path(longest)
    assert os.path.dirname(moved) == os.path.dirname(longest)
    assert len(moved) <= limits.UNIX_PATH
    assert moved != moved_path(longest[:-1] + "c")
    for each in ("/" + "a" * 104 + "/b", longest + "b"):
        with pytest.raises(OSError, match="is too long for a socket: found 1"):
            moved_path(each)


def test_an_exchange_needs_both(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(FileNotFoundError):
        exchange(str(tmp_path / "a"), str(tmp_path / "b"))
