"""Pages with code: their blocks, and a server for them."""

import re
import subprocess
import sys
from pathlib import Path

from tests import patience

__all__ = ["SHOWN_PATH", "blocks", "run_console", "run_python"]

DOCS = Path(__file__).parent.parent.parent / "docs"
SHOWN_PATH = "/run/vm.qmp"
"""Where pages say that a server listens."""
PATIENCE = patience.PATIENCE


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Return the language and the text of each block, and what stands behind it as its output."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.DOTALL)
    behind = [*found[1:], ("", "")]
    return [
        (kind, text, output if after == "text" else "")
        for (kind, text), (after, output) in zip(found, behind, strict=True)
    ]


def run_python(source: str, folder: Path) -> str:
    """Run Python in a folder; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_console(text: str, folder: Path) -> str:
    """Run the commands of a console block; return it with what they really print."""
    python = f'qmpeer() {{ {sys.executable} -m qmpeer "$@"; }}\n'
    shown, status = "", 0
    for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        done = subprocess.run(
            ["sh", "-c", f"{python}(exit {status}); {command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            cwd=folder,
            check=False,
        )
        status = done.returncode
        shown += f"$ {command}\n{done.stdout}"
    return shown
