"""The tools as programs: to their end, with a terminal or without."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

from tests.listening import until_listening
from tests.machine.serving import PATIENCE, QMPEER

__all__ = ["Shown", "Start", "at_terminal"]


class Start:
    """Start programs, and end them."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, argv: Sequence[str], listens_at: Path) -> "subprocess.Popen[bytes]":
        """Start one, and wait until it listens."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        until_listening(listens_at, process)
        return process

    def end(self) -> None:
        """End all of them."""
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE)


class Shown(NamedTuple):
    """Hold what a program showed at a terminal.

    Attributes:
        status: Its exit status.
        lines: What stands on the screen at its end, without blank lines below.
        raw: All that it wrote.
    """

    status: int
    lines: list[str]
    raw: bytes

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)


def at_terminal(*words: str, columns: int = 80, rows: int = 40, **environment: str) -> Shown:
    """Run a command line of ours at a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    variables.pop("COLUMNS", None)
    variables.pop("LINES", None)
    if "NO_COLOR" not in environment:
        variables.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [*QMPEER, *words], stdin=its, stdout=its, stderr=its, env=variables, close_fds=True
    )
    os.close(its)
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    raw = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            break
        if not data:
            break
        raw += data
        stream.feed(data)
    os.close(ours)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return Shown(process.wait(PATIENCE), lines, raw)
