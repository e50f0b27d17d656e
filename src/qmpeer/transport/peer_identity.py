"""The identity of a peer, as the kernel and TLS vouch for it, never as the peer tells it.

Spec: unix(7), SO_PEERCRED: the credentials of the process that called connect(), as they were then.
A process that inherited the socket later has others.
"""

import os
import socket
import struct
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.transport.address import address_of

_CREDENTIALS: Final = struct.Struct("=iII")
"""The kernel's struct ucred: pid, uid, gid."""
_NO_ID: Final = 0xFFFFFFFF
"""The user or group of a socket that has no peer with credentials."""


class PeerIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of the other end of a stream, as far as anybody vouches for it.

    Attributes:
        pid: The id of the process that connected to a unix socket, in our namespace. None if it
            runs in one that we can't see into. The id may belong to another process by now.
        uid: Its effective user when it connected; 65534 for one that our namespace doesn't have.
        gid: Its effective group then.
        certificate: The distinguished name in the certificate that TLS has checked, as QEMU's
            authorisation lists spell it.
        address: The TCP or vsock address at the other end.
    """

    pid: int | None = None
    uid: int | None = None
    gid: int | None = None
    certificate: str | None = None
    address: str | None = None


UNKNOWN: Final = PeerIdentity()
"""The identity of a peer that nobody vouches for."""


def peer_identity(sock: socket.socket) -> PeerIdentity:
    """Return who is at the other end of a connected socket; `UNKNOWN` once it is closed."""
    try:
        if sock.family == socket.AF_UNIX:
            return _credentials(sock)
        return PeerIdentity(address=str(address_of(sock.family, sock.getpeername())))
    except OSError:
        return UNKNOWN


def process_name(pid: int) -> str | None:
    """Return the name of a process, for people; None if there is none.

    A process chooses its name itself, and the id may belong to another one by now: decide nothing
    by it.
    """
    try:
        fd = os.open(f"/proc/{pid}/comm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, limits.PROCESS_NAME).decode(errors="replace").rstrip("\n")
        finally:
            os.close(fd)
    except OSError:
        return None


def _credentials(sock: socket.socket) -> PeerIdentity:
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    if _NO_ID in (uid, gid):
        return UNKNOWN
    return PeerIdentity(pid=pid or None, uid=uid, gid=gid)
