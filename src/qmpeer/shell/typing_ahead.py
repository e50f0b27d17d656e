"""What is typed while no prompt is there: it waits for the next one, or belongs to a child.

Between two prompts the terminal gathers lines by itself and takes C-d for an end of its own, of
which a zero byte would be left. So C-d has no meaning for it while a shell runs, but for commands
of the system's shell and the pager, which read from the terminal themselves. Theirs is C-c, too.
"""

import contextlib
import os
import termios
from collections.abc import Iterator
from typing import Final

_CONTROLS = 6
"""Where the special characters stand in what tcgetattr returns."""
_LOANS: Final[list[int]] = []
"""The terminals that children have; a process has one terminal, whoever in it asks."""


@contextlib.contextmanager
def end_of_file_is_a_key(fd: int = 0) -> Iterator[None]:
    """Let C-d be a key like others."""
    with _end_of_file(fd, b"\0"):
        yield


@contextlib.contextmanager
def lent_to_a_child(fd: int = 0) -> Iterator[None]:
    """Let C-d be the end of what a child reads from a terminal, and C-c be for the child."""
    _LOANS.append(fd)
    try:
        with _end_of_file(fd, b"\x04"):
            yield
    finally:
        _LOANS.remove(fd)


def is_lent_to_a_child() -> bool:
    """Return whether a child has the terminal: then C-c is none of ours."""
    return bool(_LOANS)


@contextlib.contextmanager
def _end_of_file(fd: int, char: bytes) -> Iterator[None]:
    try:
        before = termios.tcgetattr(fd) if os.isatty(fd) else None
    except termios.error:
        before = None
    if before is None:
        yield
        return
    old = before[_CONTROLS][termios.VEOF]
    _set(fd, char)
    try:
        yield
    finally:
        _set(fd, old)


def _set(fd: int, char: bytes | int) -> None:
    with contextlib.suppress(termios.error):
        now = termios.tcgetattr(fd)
        now[_CONTROLS][termios.VEOF] = char
        termios.tcsetattr(fd, termios.TCSANOW, now)
