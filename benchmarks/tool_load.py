"""The start-up times of the tools: each runs in an environment that has only this tool."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import environments
from benchmarks.rounds import LeftOutError, Sample
from benchmarks.rows import Quantity
from benchmarks.servers import environment

HERE = Path(__file__).parent / "tool_start"
TIMEOUT = 20.0
PACKAGES = {
    "qmpeer_exec": ("qmpeer", "msgspec"),
    "qemu_qmp_exec": ("qemu.qmp",),
    "qmpeer_shell": ("qmpeer", "msgspec", "prompt_toolkit", "wcwidth"),
    "qemu_qmp_shell": ("qemu.qmp",),
    "qmpeer_keystroke": ("qmpeer", "msgspec"),
    "qmpeer_serve": ("qmpeer", "msgspec"),
    "serve_imports": ("msgspec",),
}
"""The packages in the environment of each program."""
TYPED, COMPLETED = b"blockdev-add dri\t", b"ver="
"""A line that only the server's schema can complete, and the text then shown."""
PROMPTS = {"qmpeer_shell": b"qmp>", "qemu_qmp_shell": b"(QEMU) "}
CURSOR_QUESTION, CURSOR_ANSWER = b"\x1b[6n", b"\x1b[1;1R"


def whole_run(program: str, path: str, folder: Path) -> Sample:
    """Return the time from the start of a program to its end.

    Args:
        program: The program's name.
        path: Unix path of the server.
        folder: The folder for environments.
    """
    argv = _argv(program, path, folder)
    start = time.perf_counter()
    done = subprocess.run(
        argv, capture_output=True, env=_environment(folder), timeout=TIMEOUT, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode or not done.stdout:
        raise LeftOutError(f"{program} failed with status {done.returncode}")
    return {Quantity.TIME: seconds}


def until_greeting(program: str, folder: Path) -> Sample:
    """Return the time from the start of a server's process to its first greeting."""
    is_first, argv = _installed(program, folder)
    if is_first:  # the first start compiles it
        _greeting(argv, folder)
    return {Quantity.TIME: _greeting(argv, folder)}


def _greeting(argv: list[str], folder: Path) -> float:
    ours, its = socket.socketpair()
    with ours:
        ours.settimeout(TIMEOUT)
        start = time.perf_counter()
        with its:
            process = subprocess.Popen(
                [*argv, str(its.fileno())], pass_fds=[its.fileno()], env=_environment(folder)
            )
        with process:
            try:
                greeting = ours.recv(65536)
                seconds = time.perf_counter() - start
            finally:
                process.kill()
    if not greeting:
        raise LeftOutError(f"{argv[-1]} did not greet")
    return seconds


def measured(program: str, path: str, folder: Path) -> Sample:
    """Return the time, in seconds, that a program measures itself and prints."""
    argv = _argv(program, path, folder)
    done = subprocess.run(
        argv, capture_output=True, text=True, env=_environment(folder), timeout=TIMEOUT, check=False
    )
    if done.returncode:
        raise LeftOutError(f"{program} failed with status {done.returncode}")
    return {Quantity.TIME: float(done.stdout)}


def until_prompt(program: str, path: str, folder: Path) -> Sample:
    """Return the time from the start of a program at a terminal to its prompt."""
    with _at_prompt(program, path, folder) as (start, _):
        return {Quantity.TIME: time.perf_counter() - start}


def until_completion(program: str, path: str, folder: Path) -> Sample:
    """Return the time from the prompt to the completion of a word that is typed at once."""
    with _at_prompt(program, path, folder) as (_, terminal):
        start = time.perf_counter()
        os.write(terminal, TYPED)
        _await(terminal, COMPLETED, program)
        return {Quantity.TIME: time.perf_counter() - start}


@contextlib.contextmanager
def _at_prompt(program: str, path: str, folder: Path) -> Iterator[tuple[float, int]]:
    """Run a program at a terminal; when it prompts, give its start time and the terminal."""
    argv = _argv(program, path, folder)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    start = time.perf_counter()
    with subprocess.Popen(
        argv, stdin=its, stdout=its, stderr=its, env=_environment(folder), start_new_session=True
    ) as process:
        os.close(its)
        try:
            _await(ours, PROMPTS[program], program)
            yield start, ours
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            os.close(ours)


def _await(terminal: int, text: bytes, program: str) -> None:
    """Wait for a text; meanwhile answer the program's questions for the cursor's position."""
    seen, deadline = b"", time.perf_counter() + TIMEOUT
    while text not in seen:
        remaining = deadline - time.perf_counter()
        if remaining <= 0 or not select.select([terminal], [], [], remaining)[0]:
            raise LeftOutError(f"{program} did not show {text!r}")
        try:
            data = os.read(terminal, 65536)
        except OSError:
            raise LeftOutError(f"{program} ended before it showed {text!r}") from None
        for _ in range(data.count(CURSOR_QUESTION)):
            os.write(terminal, CURSOR_ANSWER)
        seen += data


def _installed(program: str, folder: Path) -> tuple[bool, list[str]]:
    """Return True if a program has just been installed, and the command line that starts it."""
    home = folder / f"{program}-environment"
    is_first = not home.exists()
    python = str(environments.create(home, PACKAGES[program]))
    return is_first, [python, str(HERE / f"{program}.py")]


def _argv(program: str, path: str, folder: Path) -> list[str]:
    is_first, argv = _installed(program, folder)
    if is_first:  # the first start compiles it
        run = until_prompt if program in PROMPTS else whole_run
        run(program, path, folder)
    return [*argv, path]


def _environment(folder: Path) -> dict[str, str]:
    variables = {**environment(), "HOME": str(folder), "TERM": "xterm-256color"}
    del variables["PYTHONPATH"]
    variables.pop("XDG_STATE_HOME", None)
    return variables
