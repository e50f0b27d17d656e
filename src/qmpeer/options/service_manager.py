"""The talk with a service manager such as systemd: sockets from it, states to it.

Spec: sd_listen_fds_with_names(3) and sd_notify(3).
"""

import os
import socket
from itertools import zip_longest
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.options.start_error import StartError
from qmpeer.transport import Address
from qmpeer.transport.listening import local_address
from qmpeer.transport.sockets import adopt_fd

SERVING: Final = "STATUS=serving clients"
"""The state of a program that is ready."""
_FIRST: Final = 3
_UNNAMED: Final = "unknown"


class PassedSocket(msgspec.Struct, frozen=True):
    """A listening socket that the service manager has made.

    Attributes:
        fd: Its descriptor.
        name: Its FileDescriptorName=, by default the name of the socket unit.
        address: The address that it listens at.
    """

    fd: int
    name: str
    address: Address


def passed_sockets() -> list[PassedSocket]:
    """Return the sockets that are meant for this process, and remove the variables about them.

    Raises:
        StartError: If the variables make no sense, or if one is no stream socket that listens.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()):
        return []
    if not (count.isascii() and count.isdigit() and len(count) < 5):
        raise StartError("LISTEN_FDS", count, "expected the number of sockets that were passed")
    fds = range(_FIRST, _FIRST + int(count))
    return [_passed(fd, name or _UNNAMED) for fd, name in zip_longest(fds, names[: len(fds)])]


def _passed(fd: int, name: str) -> PassedSocket:
    try:
        sock = adopt_fd(fd)
    except OSError as error:
        raise StartError("LISTEN_FDS", f"{fd} ({name})", str(error.strerror)) from error
    try:
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            reason = "found a socket that doesn't listen, expected Accept=no in the socket unit"
            raise StartError("LISTEN_FDS", f"{fd} ({name})", reason)
        return PassedSocket(fd, name, local_address(sock))
    finally:
        sock.detach()


def notify(*states: str) -> None:
    """Report states such as ``READY=1`` to the service manager, if there is one that listens.

    A manager that can't be reached is no reason to fail: it will see by itself.
    """
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = f"\0{place[1:]}" if place.startswith("@") else place
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(limits.NOTIFY_TIMEOUT)
            sock.sendto("\n".join(states).encode(errors="surrogateescape"), address)
    except OSError:
        pass
