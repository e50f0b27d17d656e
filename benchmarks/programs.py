"""The C programs of the benchmark: built on first use, into a folder that the caller gives."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.rounds import LeftOutError

HERE = Path(__file__).parent


def build(name: str, folder: Path) -> Path:
    """Compile one of our C programs and return its path.

    Args:
        name: Name of the program: `cserver` or `cping`.
        folder: The folder for the program; an older build there is used again.

    Raises:
        LeftOutError: If there is no C compiler, or it fails.
    """
    program = folder / name
    if program.exists():
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise LeftOutError("no C compiler (cc)")
    argv = [compiler, "-O2", "-Wall", "-o", str(program), str(HERE / f"{name}.c")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeftOutError(f"{name}.c does not compile: {done.stderr.strip()}")
    return program
