"""The terminal's end-of-file key, C-d, between two prompts and in child processes.

Between two prompts the kernel gathers what is typed into lines, for the next prompt. There it would
turn C-d into an end of file, and leave a zero byte behind. So the key is switched off while the
shell runs. Child processes that read from the terminal, such as the pager, get it back. While a
child has the terminal, C-c is for the child only.
"""

import contextlib
import os
import termios
from collections.abc import Iterator
from typing import Final

_TERMINAL: Final = 0
"""Standard input; a process has only one terminal."""
_CONTROLS: Final = 6
"""Index of the special characters in the result of tcgetattr()."""
_LOANS: Final[list[None]] = []
"""One element for each child that has the terminal."""


@contextlib.contextmanager
def eof_as_key() -> Iterator[None]:
    """Make C-d an ordinary key."""
    with _end_of_file(b"\0"):
        yield


@contextlib.contextmanager
def terminal_lent() -> Iterator[None]:
    """Lend the terminal to a child process: C-d ends its input, C-c interrupts it."""
    _LOANS.append(None)
    try:
        with _end_of_file(b"\x04"):
            yield
    finally:
        _LOANS.pop()


def is_terminal_lent() -> bool:
    """Return whether a child has the terminal, so that C-c is for the child."""
    return bool(_LOANS)


@contextlib.contextmanager
def _end_of_file(char: bytes) -> Iterator[None]:
    try:
        before = termios.tcgetattr(_TERMINAL) if os.isatty(_TERMINAL) else None
    except termios.error:
        before = None
    if before is None:
        yield
        return
    old = before[_CONTROLS][termios.VEOF]
    _set(char)
    try:
        yield
    finally:
        _set(old)


def _set(char: bytes | int) -> None:
    with contextlib.suppress(termios.error):
        now = termios.tcgetattr(_TERMINAL)
        now[_CONTROLS][termios.VEOF] = char
        termios.tcsetattr(_TERMINAL, termios.TCSANOW, now)
