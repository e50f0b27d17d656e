"""How long programs take that people start: each in an environment that holds it alone."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
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
}
"""By program, what its environment holds."""
PROMPTS = {"qmpeer_shell": b"qmp>", "qemu_qmp_shell": b"(QEMU) "}
CURSOR_QUESTION, CURSOR_ANSWER = b"\x1b[6n", b"\x1b[1;1R"


def whole_run(program: str, path: str, folder: Path) -> Sample:
    """Return the time from the start of a program to its end.

    Args:
        program: Which one.
        path: Unix path of the server.
        folder: Where environments go.
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


def until_prompt(program: str, path: str, folder: Path) -> Sample:
    """Return the time from the start of a program at a terminal to its prompt."""
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
            return {Quantity.TIME: time.perf_counter() - start}
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            os.close(ours)


def _await(terminal: int, prompt: bytes, program: str) -> None:
    """Wait for a prompt, and be the terminal that a program asks where its cursor is."""
    seen, deadline = b"", time.perf_counter() + TIMEOUT
    while prompt not in seen:
        remaining = deadline - time.perf_counter()
        if remaining <= 0 or not select.select([terminal], [], [], remaining)[0]:
            raise LeftOutError(f"{program} showed no prompt")
        try:
            data = os.read(terminal, 65536)
        except OSError:
            raise LeftOutError(f"{program} ended before its prompt") from None
        for _ in range(data.count(CURSOR_QUESTION)):
            os.write(terminal, CURSOR_ANSWER)
        seen += data


def _argv(program: str, path: str, folder: Path) -> list[str]:
    home = folder / f"{program}-environment"
    is_first = not home.exists()
    python = str(environments.create(home, PACKAGES[program]))
    argv = [python, str(HERE / f"{program}.py"), path]
    if is_first:  # the first start compiles it
        run = until_prompt if program in PROMPTS else whole_run
        run(program, path, folder)
    return argv


def _environment(folder: Path) -> dict[str, str]:
    variables = {**environment(), "HOME": str(folder), "TERM": "xterm-256color"}
    del variables["PYTHONPATH"]
    variables.pop("XDG_STATE_HOME", None)
    return variables
