"""Descriptors that travel with bytes: where they can, how many, and copies of them."""

import os
import socket
from collections.abc import Iterable, Sequence

from qmpeer import limits


def refused_fds(found: str) -> ValueError:
    """Return the error for descriptors where none can travel.

    Args:
        found: What was to send them.
    """
    return ValueError(f"descriptors travel over unix sockets only, found {found}")


def check_fds(fds: Sequence[int], sock: socket.socket, peer: str = "") -> None:
    """Refuse descriptors that a socket can't send with one message.

    Args:
        fds: The descriptors.
        sock: The socket.
        peer: Who is at its other end, as an error names it.

    Raises:
        ValueError: If it can't.
    """
    if sock.family != socket.AF_UNIX:
        raise refused_fds(peer or f"a socket of {socket.AddressFamily(sock.family).name}")
    if len(fds) > limits.MESSAGE_FDS:
        raise ValueError(
            f"found {len(fds)} descriptors, expected at most {limits.MESSAGE_FDS} at once"
        )


def duplicates(fds: Iterable[int]) -> tuple[int, ...]:
    """Return duplicates of all of these, or of none.

    Raises:
        OSError: If one can't be duplicated.
    """
    copies: list[int] = []
    try:
        for fd in fds:
            copies.append(os.dup(fd))  # one at a time, so that the first can be closed again
    except OSError:
        close_all(copies)
        raise
    return tuple(copies)


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)
