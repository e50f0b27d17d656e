"""Descriptors that are sent with bytes: checks, duplicates and closing."""

import os
import socket
from collections.abc import Iterable, Sequence

from qmpeer import limits


def refused_fds(found: str) -> ValueError:
    """Return the error for descriptors on a stream that can't send any.

    Args:
        found: The name of the stream.
    """
    return ValueError(f"descriptors travel over unix sockets only, found {found}")


def check_fds(fds: Sequence[int], sock: socket.socket, peer: str = "") -> None:
    """Refuse descriptors that a socket can't send with one message.

    Args:
        fds: The descriptors.
        sock: The socket.
        peer: The peer's name, for errors.

    Raises:
        ValueError: If it isn't a unix socket, or there are too many descriptors.
    """
    if sock.family != socket.AF_UNIX:
        raise refused_fds(peer or f"a socket of {socket.AddressFamily(sock.family).name}")
    if len(fds) > limits.MESSAGE_FDS:
        raise ValueError(
            f"found {len(fds)} descriptors, expected at most {limits.MESSAGE_FDS} at once"
        )


def duplicates(fds: Iterable[int]) -> tuple[int, ...]:
    """Return duplicates of all descriptors, or of none.

    Raises:
        OSError: If one can't be duplicated.
    """
    copies: list[int] = []
    try:
        for fd in fds:
            copies.append(os.dup(fd))  # one at a time, so that a failure can close the others
    except OSError:
        close_all(copies)
        raise
    return tuple(copies)


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors."""
    for fd in fds:
        os.close(fd)
