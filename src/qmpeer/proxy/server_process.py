"""The process of the server, found by the socket that it holds.

The kernel tells which socket is at the other end of ours, and /proc who has it open. The peer's
credentials wouldn't do: they are those of the program that opened the server's listening socket,
such as libvirt, which may live in another mount namespace.

If several processes hold that socket, they must agree about their root and their mounts.
"""

import os

from qmpeer.policy.paths import ServerFiles
from qmpeer.transport.unix_diag import peer_of
from qmpeer.transport.unix_users import socket_holders


def files_of_server(unix_socket: int | None) -> ServerFiles:
    """Return the files of the process at the other end of a unix socket of ours.

    Raises:
        ValueError: If that process isn't known, or its files can't be seen; with the reason.
    """
    if unix_socket is None:
        raise ValueError("the server isn't at a unix socket, so its process isn't known")
    try:
        peer = peer_of(unix_socket)
        pids = () if peer is None else [each.pid for _, each in socket_holders({peer})]
        if not pids:
            raise ValueError("the server's process isn't known: it isn't visible from here")
        if len({_view(pid) for pid in pids}) > 1:
            raise ValueError("the server's socket is held by processes with different files")
        return ServerFiles.of_process(pids[0])
    except OSError as error:
        raise ValueError(f"the files of the server can't be seen: {error.strerror}") from None


def _view(pid: int) -> tuple[int, int, int]:
    """Return what two processes have in common that find the same files by the same paths."""
    root = os.stat(f"/proc/{pid}/root")
    return root.st_dev, root.st_ino, os.stat(f"/proc/{pid}/ns/mnt").st_ino
