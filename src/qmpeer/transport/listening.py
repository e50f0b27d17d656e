"""Listening sockets, bound without damage to existing files and not exposed by accident."""

import errno
import fcntl
import os
import resource
import socket
import stat
import time
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

from qmpeer import limits
from qmpeer.transport.address import Address, address_of
from qmpeer.transport.dialling import NO_SOCKET, annotated
from qmpeer.transport.forking import is_ours, own_socket
from qmpeer.transport.schemes import AddressLike, parse_address
from qmpeer.transport.sockets import Endpoint, new_socket

Owner: TypeAlias = tuple[int, int]
"""The numbers of a user and of a group; -1 leaves one as it is."""

_BIND_TRIES: Final = 3  # others may be removing and binding the same dead path
_LOCK_TRIES: Final = 50
_LOCK_DELAY: Final = 0.01


class ExposedError(PermissionError):
    """An address that other machines or guests could reach, without ``insecure``.

    Attributes:
        reason: Who could reach it, and what to use instead; str() adds ``or insecure=True``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}, or insecure=True"


class _FileRights(NamedTuple):
    """The mode and the owner of a unix socket's file."""

    mode: int
    owner: Owner | None


class BoundSocket(socket.socket):
    """A listening socket with the file that bind() created for it."""

    __slots__ = ("identity", "path")

    path: str
    identity: tuple[int, int]
    """Device and inode; absent until it is bound."""


def listen(
    address: AddressLike,
    *,
    backlog: int = 1,
    insecure: bool = False,
    mode: int = 0o600,
    owner: Owner | None = None,
) -> socket.socket:
    """Bind and listen; a listening socket, or the number of one (fd:N), is used unchanged.

    A unix path gets its mode and its owner before any client can connect to it. An existing file at
    the path is kept unless it is a dead socket. Port 0 chooses a free port.

    [QEMU removes any file at the path, even a regular one, and takes the mode from the umask.]

    Raises:
        OSError: If the address is in use or can't be bound.
        PermissionError: If other machines or guests could connect, and insecure isn't set.
        ValueError: If the address is invalid, or if the given socket doesn't listen.
    """
    target = parse_address(address)
    sock = target.open_socket(None, to_listen=True) if isinstance(target, Address) else target
    if sock is None:
        assert isinstance(target, Address)
        return _listen_at(target, backlog, insecure, _FileRights(mode, owner))
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ValueError(f"found {target}, expected a socket that listens")
    if not insecure:
        _refuse_strangers(Endpoint(sock.family, sock.getsockname()), local_address(sock))
    return sock


def raise_fd_limit(clients: int) -> None:
    """Raise this process's soft limit of descriptors for so many clients, if that is allowed."""
    wanted = clients + limits.SPARE_FDS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a system may forbid even this
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def allowed_clients(most: int) -> int:
    """Return ``most``, or fewer if this process's limit of descriptors allows fewer clients.

    If the limit is very low, no descriptors are reserved: then accept() fails at the limit.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft < 2 * limits.SPARE_FDS:
        return most
    return min(most, soft - limits.SPARE_FDS)


def own_path(sock: socket.socket) -> socket.socket:
    """Take over a listening socket together with its file, if it has one."""
    path = sock.getsockname() if sock.family == socket.AF_UNIX else ""
    if not isinstance(path, str) or not path:
        return sock
    try:
        identity = _identity(path)
    except OSError:  # removed already
        return sock
    owner = BoundSocket(socket.AF_UNIX, socket.SOCK_STREAM, 0, sock.detach())
    owner.path, owner.identity = os.path.abspath(path), identity
    own_socket(owner)
    return owner


def unlink_if_ours(sock: socket.socket) -> None:
    """Remove the file that listen() created for this socket, if it is still the one at its path.

    Call it before closing the socket, so that no client finds a dead socket.
    """
    if not isinstance(sock, BoundSocket) or not is_ours(sock):
        return
    try:
        if _identity(sock.path) == sock.identity:
            os.unlink(sock.path)
    except OSError:
        pass  # the file or its folder is removed already
    except AttributeError:
        pass  # never bound


def local_address(sock: socket.socket) -> Address:
    """Return the address of a listening socket, with its real port."""
    return address_of(sock.family, sock.getsockname())


def _listen_at(
    address: Address, backlog: int, insecure: bool, rights: _FileRights
) -> socket.socket:
    try:
        endpoints = address.endpoints(to_listen=True)
    except OSError as error:
        raise annotated(error, address) from None
    if not insecure:
        for endpoint in endpoints:
            _refuse_strangers(endpoint, address)
    failure: OSError | None = None
    for endpoint in endpoints:
        try:
            return _listen_on(endpoint, backlog, rights)
        except OSError as error:
            failure = failure or annotated(error, address)
    assert failure is not None
    raise failure


def _listen_on(endpoint: Endpoint, backlog: int, rights: _FileRights) -> socket.socket:
    sockaddr = endpoint.sockaddr
    if endpoint.family == socket.AF_UNIX and isinstance(sockaddr, str) and sockaddr[:1] != "\0":
        return _listen_on_path(sockaddr, backlog, rights)
    sock = new_socket(endpoint.family)
    try:
        if endpoint.family in (socket.AF_INET, socket.AF_INET6):
            # Otherwise a restart would fail while old connections are in TIME_WAIT.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not endpoint.takes_both)
        sock.bind(sockaddr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _refuse_strangers(endpoint: Endpoint, address: Address) -> None:
    if endpoint.is_loopback:
        return
    if endpoint.family == socket.AF_VSOCK:
        # A monitor controls the machine: a guest that reaches it could leave its sandbox.
        raise ExposedError(f"{address} can be reached by guests; use a unix socket")
    raise ExposedError(
        f"{address} can be reached from other machines, without a password; "
        "use 127.0.0.1, [::1] or a unix socket"
    )


def _listen_on_path(path: str, backlog: int, rights: _FileRights) -> BoundSocket:
    sock = BoundSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    own_socket(sock)
    lock = _lock_folder(os.path.dirname(path))
    try:
        # Linux creates the file with the socket's mode, less the umask, and refuses connections to
        # a bound socket that doesn't listen yet. So no client can connect while the mode or the
        # owner is wrong.
        os.fchmod(sock.fileno(), rights.mode)
        _bind_path(sock, path)
        sock.path = os.path.abspath(path)
        sock.identity = _identity(path)
        if rights.owner is not None:
            _give(path, rights.owner)
        os.chmod(path, rights.mode)
        sock.listen(backlog)
    except BaseException:
        unlink_if_ours(sock)
        sock.close()
        raise
    finally:
        if lock is not None:
            os.close(lock)
    return sock


def _give(path: str, owner: Owner) -> None:
    try:
        os.chown(path, *owner, follow_symlinks=False)
    except OSError as error:
        wanted = ":".join("" if number < 0 else str(number) for number in owner)
        reason = f"can't be given to the owner {wanted}: {error.strerror}"
        raise OSError(error.errno, reason, path) from None


def _lock_folder(folder: str) -> int | None:
    # Between bind() and listen() a socket looks dead: two servers that start at the same path at
    # once would remove each other's socket. A lock on the folder leaves no file behind. It is best
    # effort: the folder may be unreadable, or another program may hold the lock for ever.
    try:
        fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            time.sleep(_LOCK_DELAY)
    return fd


def _bind_path(sock: socket.socket, path: str) -> None:
    for _ in range(_BIND_TRIES):
        try:
            return sock.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        _remove_dead_socket(path)
    raise OSError(errno.EADDRINUSE, "somebody else is binding here at the same time", path)


def _remove_dead_socket(path: str) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EADDRINUSE, NO_SOCKET, path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        found = probe.connect_ex(path)
    if found == errno.ENOENT:
        return
    if found != errno.ECONNREFUSED:
        # EAGAIN: its queue is full, so it listens.
        state = "somebody is listening here" if found in (0, errno.EAGAIN) else os.strerror(found)
        raise OSError(errno.EADDRINUSE, f"the address is in use: {state}", path)
    # Another server may have replaced the socket since lstat().
    if _identity(path) == (status.st_dev, status.st_ino):
        os.unlink(path)


def _identity(path: str) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino
