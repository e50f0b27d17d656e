"""The kernel's list of unix sockets: their files, their states, and how they are joined.

Spec: Linux, sock_diag(7): NETLINK_SOCK_DIAG with UDIAG_SHOW_NAME, VFS and PEER. The list has all
sockets of one network namespace, those of other users included.
"""

import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from qmpeer import limits

_NETLINK_SOCK_DIAG: Final = 4
_BY_FAMILY: Final = 20
_REQUEST_DUMP: Final = 0x301
_ERROR, _DONE = 2, 3
_SHOW: Final = 0b0111  # the name, the file, the peer
_ALL: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")
_REQUEST: Final = struct.Struct("=BBHIIIII")
_MESSAGE: Final = struct.Struct("=BBBBIII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_FILE: Final = struct.Struct("=II")
_INODE: Final = struct.Struct("=I")
_NAME, _VFS, _PEER = range(3)
_LISTENING: Final = 10
_MINORS: Final = 20
"""Bits of a device's number that are its minor number. Spec: Linux, inside the kernel."""


class UnixSocket(msgspec.Struct, frozen=True):
    """One unix socket of this machine.

    Attributes:
        inode: Its number, as in the link /proc/PID/fd/N.
        listens: True if it listens.
        name: The address that it, or the listener that accepted it, was bound to; b"" for none.
        file: Inode and device of that address's file; (0, 0) for none.
        peer: The number of the socket at the other end; 0 for none.
    """

    inode: int
    listens: bool
    name: bytes
    file: tuple[int, int]
    peer: int


def unix_sockets() -> Iterator[UnixSocket]:
    """Yield all unix sockets of this network namespace.

    Raises:
        OSError: If the kernel doesn't tell.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as sock:
        sock.settimeout(limits.DIAG_TIMEOUT)
        request = _REQUEST.pack(socket.AF_UNIX, 0, 0, _ALL, 0, _SHOW, _ALL, _ALL)
        sock.send(
            _HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + request
        )
        while True:
            data = sock.recv(limits.DIAG_BUFFER)
            at = 0
            while at + _HEADER.size <= len(data):
                size, kind, *_ = _HEADER.unpack_from(data, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", data, at + _HEADER.size)[0]
                    raise OSError(number, os.strerror(number))
                if kind == _BY_FAMILY:
                    yield _read(data[at + _HEADER.size : at + size])
                at += _aligned(size)


def peer_of(inode: int) -> int | None:
    """Return the number of the socket at the other end of one; None if it isn't known.

    Raises:
        OSError: If the kernel doesn't tell.
    """
    return next((each.peer for each in unix_sockets() if each.inode == inode and each.peer), None)


def sockets_at(path: str) -> list[UnixSocket]:
    """Return the sockets of the file at a path: the listener, and what it has accepted.

    Raises:
        OSError: If there is no such file, or if the kernel doesn't tell.
    """
    status = os.stat(path)
    major, minor = os.major(status.st_dev), os.minor(status.st_dev)
    file = (status.st_ino & 0xFFFFFFFF, major << _MINORS | minor)
    name = os.fsencode(os.path.abspath(path))
    return [each for each in unix_sockets() if _is_of(each, file, name)]


def _is_of(each: UnixSocket, file: tuple[int, int], name: bytes) -> bool:
    if each.file == file:
        return True
    # Some file systems show another device to programs than the kernel has: the name decides.
    return each.file[0] == file[0] and each.name.rstrip(b"\0") == name


def _read(message: bytes) -> UnixSocket:
    _, _, state, _, inode, *_ = _MESSAGE.unpack_from(message)
    parts = dict(_attributes(message))
    return UnixSocket(
        inode,
        state == _LISTENING,
        parts.get(_NAME, b""),
        _FILE.unpack(parts[_VFS]) if _VFS in parts else (0, 0),
        _INODE.unpack(parts[_PEER])[0] if _PEER in parts else 0,
    )


def _attributes(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = _MESSAGE.size
    while at + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        yield kind, message[at + _ATTRIBUTE.size : at + size]
        at += max(_aligned(size), _ATTRIBUTE.size)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
