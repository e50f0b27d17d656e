"""The place of a server's unix socket, in which the proxy stands while the socket is moved aside.

Theory of operation.  There are two names: the *path*, which clients know, and the *moved path*
beside it (`socket_files.moved_path`)::

    before          PATH = the server's             -
    taken           PATH = ours                     moved = the server's
    after a crash   PATH = ours, dead               moved = the server's     `find` goes on with it
    server ended    - (QEMU removes PATH by name)   moved = the server's, dead

Our socket is made under the moved name, which no two proxies can have at once, and gets its rights
there. Then one system call exchanges the names, so that PATH is never without a socket, and what
went aside is surely what had been at PATH: if it isn't the server's socket, the names are exchanged
back. The way back is the same exchange.

A file counts as ours, or as the server's, by its number, which is pinned as long as we care: a name
says nothing, since QEMU removes and binds PATH without asking whose socket is there.
"""

import errno
import os
import socket
import stat
from contextlib import suppress
from enum import Enum
from typing import ClassVar

from qmpeer import limits
from qmpeer.proxy.socket_files import Found, PinnedFile, exchange, look_at, move, moved_path
from qmpeer.transport import Address, UnixAddress, listen
from qmpeer.transport.listening import Owner, unlink_if_ours
from qmpeer.transport.sockets import Endpoint
from qmpeer.transport.unix_users import find_users


class Outcome(Enum):
    """The fate of the moved socket."""

    NOTHING = "there was no moved socket"
    BACK = "the server's socket is back in its place"
    REMOVED = "nobody listens at the moved socket, so it was removed"
    KEPT = "another socket is in its place, so the moved one was left where it is"


class TakenPlace:
    """The place of a server's socket.

    All methods are quick and none blocks, except on the file system.

    Args:
        path: The path of the server's socket. If it is a symbolic link, the place is where that
            points to.
        mode: The mode of our socket's file; by default that of the server's.
        owner: Its user and group; -1 stands for that of the server's, which is the default.

    Raises:
        OSError: If there is no room for a second name beside the path.

    Attributes:
        path: The path, absolute and without symbolic links.
        moved: The path of the server's socket while the place is taken.
    """

    def __init__(self, path: str, *, mode: int | None = None, owner: Owner | None = None) -> None:
        self.path: str = os.path.realpath(path)
        self.moved: str = moved_path(self.path)
        self._asked = (mode, owner or (-1, -1))
        self._rights: tuple[int, Owner] = (0o600 if mode is None else mode, self._asked[1])
        self._server: PinnedFile | None = None
        self._ours: PinnedFile | None = None
        self._is_moved = False

    @property
    def is_ours(self) -> bool:
        """True while our socket is at the path."""
        return self._ours is not None and self._ours.is_at(self.path)

    @property
    def is_free(self) -> bool:
        """True if no file is at the path, such as after QEMU's end."""
        return not os.path.lexists(self.path)

    @property
    def server_path(self) -> str:
        """The path of the socket that `find` found, even if another proxy has moved it since."""
        is_aside = self._server is not None and self._server.is_at(self.moved)
        return self.moved if is_aside else self.path

    def find(self) -> str:
        """Return the path at which the server listens now: connect there, then `take`.

        That is the moved path while its place is taken, and after a crash of an earlier proxy.

        Raises:
            FileNotFoundError: If our own socket is at the path: the next server hasn't come yet.
            OSError: If a proxy stands there, or if a file that isn't ours is in the way.
        """
        if not self.forget_server():
            return self.moved
        if self.is_ours:
            raise FileNotFoundError(errno.ENOENT, "no server has come yet to", self.path)
        found = look_at(self.moved)
        if found is Found.NO_SOCKET:
            raise OSError(f"found {found.value} at {self.moved}, where the socket is to be moved")
        if found is Found.ALIVE:
            _refuse_living(self.path, self.moved)
            self._is_moved = True
        # A dead one is left over from a server that has ended. `take` removes it.
        place = self.moved if self._is_moved else self.path
        with suppress(FileNotFoundError):  # it is still to come
            server = PinnedFile(place)
            self._check_socket(server)
            self._server = server
        return place

    def take(self) -> socket.socket:
        """Move the server's socket aside and listen in its place; return the listening socket.

        Call it once a connection to what `find` returned is ready, unless the place `is_ours`.

        Raises:
            OSError: If that isn't possible; then everything is as it was.
        """
        server = self._server = self._server or PinnedFile(self.path)
        self._choose_rights(server.status)
        if self._is_moved:
            return self.stand()
        self._check_socket(server)
        sock = self._listen(self.moved)
        try:
            exchange(self.moved, self.path)
            if not server.is_at(self.moved):
                exchange(self.moved, self.path)
                raise OSError(f"another socket has taken {self.path} meanwhile")
        except BaseException:
            unlink_if_ours(sock)
            sock.close()
            raise
        self._is_moved = True
        return self._keep(sock, self.path)

    def _check_socket(self, server: PinnedFile) -> None:
        if not stat.S_ISSOCK(server.status.st_mode):
            server.close()
            self._server = None
            raise OSError(f"found {Found.NO_SOCKET.value} at {self.path}")

    def stand(self) -> socket.socket:
        """Listen at the path, where no living socket is; return the listening socket.

        This is the way back to the place after our socket has been removed from it. Mode and owner
        are those of the last time.

        Raises:
            OSError: If that isn't possible.
        """
        return self._keep(self._listen(self.path), self.path)

    def put_back(self) -> Outcome:
        """Leave the place: put the server's socket back, or remove it if nobody listens there.

        Idempotent. Do it before our socket is closed, so that clients always find one.

        Raises:
            OSError: If that isn't possible; `restore` can do it later.
        """
        if not self._is_moved or self._server is None or not self._server.is_at(self.moved):
            outcome = Outcome.NOTHING
        elif look_at(self.moved) is Found.DEAD:
            os.unlink(self.moved)
            outcome = Outcome.REMOVED
        else:
            outcome = _bring_back(self.moved, self.path, self._ours)
        if self.is_ours:
            os.unlink(self.path)
        self._release()
        return outcome

    def forget_server(self) -> bool:
        """Remove the moved socket if nobody listens there any more; return True if that is so.

        Our own socket stays where it is.
        """
        if self._is_moved and self._server is not None and self._server.is_at(self.moved):
            if look_at(self.moved) is not Found.DEAD:
                return False
            os.unlink(self.moved)
        self._is_moved = False
        if self._server is not None:
            self._server.close()
            self._server = None
        return True

    def _choose_rights(self, server: os.stat_result) -> None:
        mode, (user, group) = self._asked
        self._rights = (
            stat.S_IMODE(server.st_mode) if mode is None else mode,
            (server.st_uid if user < 0 else user, server.st_gid if group < 0 else group),
        )

    def _listen(self, path: str) -> socket.socket:
        mode, owner = self._rights
        backlog = limits.BACKLOG_MANY
        try:
            return listen(UnixAddress(path), backlog=backlog, mode=mode, owner=owner)
        except PermissionError as error:
            if error.filename == path:  # the owner
                reason = "as root it could, or choose another one"
                raise OSError(f"{path} {error.strerror}; {reason}") from error
            folder = os.path.dirname(path)
            raise OSError(f"can't make a socket in {folder}: {error.strerror}") from error

    def _keep(self, sock: socket.socket, path: str) -> socket.socket:
        """Return a listening socket that leaves its file alone, which is this object's matter."""
        if self._ours is not None:
            self._ours.close()
        self._ours = PinnedFile(path)
        return socket.socket(fileno=sock.detach())

    def _release(self) -> None:
        for pinned in (self._server, self._ours):
            if pinned is not None:
                pinned.close()
        self._server = self._ours = None
        self._is_moved = False


class PlaceAddress(Address, frozen=True):
    """The address of the server of a place, wherever its socket is when it is dialled."""

    scheme: ClassVar[str] = "unix"
    form: ClassVar[str] = "unix:PATH"

    place: TakenPlace

    def endpoints(self, *, to_listen: bool = False) -> list[Endpoint]:
        """Return the server's only endpoint.

        Raises:
            OSError: As `TakenPlace.find` does.
        """
        return [Endpoint(socket.AF_UNIX, self.place.find())]

    def __str__(self) -> str:
        return f"unix:{self.place.path}"


def restore(path: str) -> Outcome:
    """Put a socket back that a proxy has moved aside before it was killed.

    Args:
        path: The path that it had before.

    Raises:
        OSError: If a proxy is alive there, if the moved file isn't a socket, or if it can't be
            moved.
    """
    place = os.path.realpath(path)
    moved = moved_path(place)
    found = look_at(moved)
    if found is Found.NOTHING:
        return Outcome.NOTHING
    if found is Found.NO_SOCKET:
        raise OSError(f"found {found.value} at {moved}, expected the socket that was moved there")
    folder = os.path.dirname(place)
    if not os.access(folder, os.W_OK):  # nor would the sockets be found dead
        reason = os.strerror(errno.EACCES)
        raise PermissionError(errno.EACCES, f"can't move sockets in {folder}: {reason}")
    if found is Found.DEAD:
        os.unlink(moved)
        if look_at(place) is Found.DEAD:
            os.unlink(place)
        return Outcome.REMOVED
    _refuse_living(place, moved)
    remains = None
    with suppress(FileNotFoundError):
        remains = PinnedFile(place)
    try:
        return _bring_back(moved, place, remains)
    finally:
        if remains is not None:
            remains.close()


def _bring_back(moved: str, path: str, expected: PinnedFile | None) -> Outcome:
    """Move a socket back to its path, over the expected file or none, and over no other."""
    if expected is not None and expected.is_at(path):
        with suppress(FileNotFoundError):  # QEMU has removed the file at the path just now
            exchange(moved, path)
            if expected.is_at(moved):
                os.unlink(moved)
                return Outcome.BACK
            exchange(moved, path)
            return Outcome.KEPT
    try:
        move(moved, path)
    except FileExistsError:
        return Outcome.KEPT
    return Outcome.BACK


def _refuse_living(path: str, moved: str) -> None:
    """Refuse a place where somebody listens while the moved socket is alive, too.

    Raises:
        OSError: If it is so.
    """
    found = look_at(path)
    if found is Found.ALIVE:
        listener = find_users(path).listener
        who = "somebody" if listener is None else str(listener)
        raise OSError(f"{who} stands at {path} already, and the server's socket is at {moved}")
    if found is Found.NO_SOCKET:
        raise OSError(f"found {found.value} at {path}, expected the place of a socket")
