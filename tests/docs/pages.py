"""Blocks of pages, and functions that run them."""

import contextlib
import functools
import io
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from qmpeer.cli.main import main
from tests.patience import PATIENCE

__all__ = ["SHOWN_PATH", "blocks", "run_console", "run_python"]

DOCS = Path(__file__).parent.parent.parent / "docs"
SHOWN_PATH = "/run/vm.qmp"
"""The address of a server on pages."""


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Return the language and the text of each block, and the output shown after it."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.DOTALL)
    behind = [*found[1:], ("", "")]
    return [
        (kind, text, output if after == "text" else "")
        for (kind, text), (after, output) in zip(found, behind, strict=True)
    ]


def run_python(source: str, folder: Path, warning: Literal["error", "ignore"] = "error") -> str:
    """Run Python in a folder, like a program of its own; return its output."""
    path, modules = list(sys.path), set(sys.modules)

    def run() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter(warning)
            exec(compile(source, "<page>", "exec"), {"__name__": "__main__"})
        return 0

    sys.path.insert(0, str(folder))
    try:
        status, shown, complaints = captured(run, folder)
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
    assert (status, complaints) == (0, "")
    return shown


def captured(run: Callable[[], int], folder: Path) -> tuple[int, str, str]:
    """Call a function in a folder; return its status, and its output to stdout and stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = run()
    shown, complaints = (each.buffer.getvalue().decode() for each in (out, err))
    return status, shown, complaints


def run_console(text: str, folder: Path) -> str:
    """Run the commands of a console block; return the block with their real output.

    Commands of qmpeer run in this process; commands that need a shell run in one.
    """
    shown, status = "", 0
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        if re.fullmatch(r"qmpeer [^|&;<>$`\\]*", command):
            run = functools.partial(main, shlex.split(command)[1:])
            status, output, complaints = captured(run, folder)
            output += complaints
        else:
            status, output = run_in_shell(command, status, folder)
        shown += f"$ {command}\n{output}"
    return shown


def run_in_shell(command: str, status: int, folder: Path) -> tuple[int, str]:
    """Run a command after one that ended with a status; return its own status, and its output."""
    python = f'qmpeer() {{ {sys.executable} -m qmpeer "$@"; }}\n'
    done = subprocess.run(
        ["sh", "-c", f"{python}(exit {status}); {command}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
        check=False,
    )
    return done.returncode, done.stdout
