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

_TERMINAL: Final = 0
"""Standard input: a process has one terminal, whoever in it asks."""
_CONTROLS: Final = 6
"""Where the special characters stand in what tcgetattr returns."""
_LOANS: Final[list[None]] = []
"""One for each child that has it."""


@contextlib.contextmanager
def eof_as_key() -> Iterator[None]:
    """Let C-d be a key like others."""
    with _end_of_file(b"\0"):
        yield


@contextlib.contextmanager
def terminal_lent() -> Iterator[None]:
    """Let C-d be the end of what a child reads from a terminal, and C-c be for the child."""
    _LOANS.append(None)
    try:
        with _end_of_file(b"\x04"):
            yield
    finally:
        _LOANS.pop()


def is_terminal_lent() -> bool:
    """Return whether a child has the terminal: then C-c is none of ours."""
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
