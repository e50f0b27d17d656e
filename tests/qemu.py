"""The real QEMU that tests drive: its program, its release, and the options of a bare machine."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["BASE", "QEMU", "find_program", "release_of"]

QEMU = "qemu-system-x86_64"
BASE = ("-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg")
"""The options of a machine without devices, which starts on any host."""


def find_program(name: str) -> str | None:
    """Find a real program, or None.

    The variable QMPEER_QEMU names the QEMU to drive; its siblings, such as qemu-img, and a fish
    are taken from the same folder if they are there.
    """
    qemu = os.environ.get("QMPEER_QEMU")
    if qemu and name == QEMU:
        return shutil.which(qemu) or pytest.fail(f"QMPEER_QEMU names no program: {qemu}")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if qemu and name.startswith(("qemu-", "fish")):
        path = f"{Path(qemu).parent}:{path}"
    return shutil.which(name, path=path)


def release_of(qemu: str) -> tuple[int, int]:
    """Return the release of a QEMU, such as (7, 2)."""
    answer = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True)
    release = re.search(r"version (\d+)\.(\d+)", answer.stdout)
    assert release, answer.stdout
    return int(release[1]), int(release[2])
