"""Runs of the tools: in this process, with or without a terminal, or as programs."""

import contextlib
import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest

from qmpeer.cli.main import main
from tests.listening import until_listening
from tests.patience import PATIENCE

__all__ = ["Ended", "Shown", "Start", "at_terminal", "run_here"]


class Start:
    """A starter of programs, which it also ends."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, argv: Sequence[str], listens_at: Path) -> "subprocess.Popen[bytes]":
        """Start a program, and wait until it listens."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        until_listening(listens_at, process)
        return process

    def end(self) -> None:
        """End all programs."""
        for process in self._processes:
            process.kill()
            process.wait(PATIENCE)


class Ended(NamedTuple):
    """The outcome of a command line.

    Attributes:
        status: Its exit status.
        out: Its standard output.
        err: Its standard error.
    """

    status: int
    out: bytes
    err: bytes


def run_here(*words: str, input: bytes = b"", **environment: str) -> Ended:
    """Run a command line of ours in this process, without a terminal.

    Args:
        words: The command line, without the program's name.
        input: The content of standard input.
        environment: Variables besides those of this process.
    """
    standard = io.BytesIO(input), io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(stream, "utf-8", write_through=True) for stream in standard]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        for name, value in environment.items():
            patch.setenv(name, value)
        status = main(words)
    for stream in streams:
        stream.detach()  # closing it would close a stream that a thread may still read
    return Ended(status, standard[1].getvalue(), standard[2].getvalue())


class Shown(NamedTuple):
    """The outcome of a command line at a terminal.

    Attributes:
        status: Its exit status.
        lines: The final lines of the screen, without blank lines below.
        raw: Its whole output.
    """

    status: int
    lines: list[str]
    raw: bytes

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)


def at_terminal(*words: str, columns: int = 80, rows: int = 40, **environment: str) -> Shown:
    """Run a command line of ours in this process, at a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    raw = bytearray()

    def look() -> None:
        with contextlib.suppress(OSError):  # EIO: the last process has closed the terminal
            while data := os.read(ours, 65536):
                raw.extend(data)
                stream.feed(data)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with _sitting_at(its, environment):
            status = main(words)
    finally:
        os.close(its)
        looking.join(PATIENCE)
        os.close(ours)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return Shown(status, lines, bytes(raw))


@contextlib.contextmanager
def _sitting_at(terminal: int, environment: dict[str, str]) -> Iterator[None]:
    """Make a terminal this process's standard input, output and error."""
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        stack.callback(_put_back, [os.dup(descriptor) for descriptor in range(3)])
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            patch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            patch.setenv(name, value)
        for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            os.dup2(terminal, descriptor)
            stream = os.fdopen(descriptor, mode, encoding=encoding, closefd=False)
            patch.setattr(sys, name, stack.enter_context(stream))
        yield


def _put_back(kept: Sequence[int]) -> None:
    for descriptor, copy in enumerate(kept):
        os.dup2(copy, descriptor)
        os.close(copy)
