"""Every command line that QEMU has an opinion on: what is said of it, by us and by QEMU."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chardev.command_line import expectations, in_folder, neutral, prepare, say

MACHINE = ("-machine", "none", "-nodefaults", "-display", "none", "-accel", "tcg")
LAST = ("-device", "nosuch")
"""An option that comes after all devices are made, and ends the program."""
SAID_OF_LAST = "-device nosuch: 'nosuch' is not a valid device model name"


async def test_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = {}
    for number, words in enumerate(expectations()):
        folder = tmp_path / str(number)
        prepare(folder)
        monkeypatch.chdir(folder)
        said = await say(in_folder(words, folder))
        found[words] = [neutral(line, folder) for line in said]
    assert found == expectations()


@pytest.mark.real
def test_qemu(tmp_path: Path, program: Callable[[str], str]) -> None:
    qemu = program("qemu-system-x86_64")

    def start(number: int, words: tuple[str, ...]) -> list[str]:
        folder = tmp_path / str(number)
        prepare(folder)
        return said_by_qemu(qemu, words, folder)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wanted = expectations()
        found = dict(zip(wanted, pool.map(start, range(len(wanted)), wanted), strict=True))
    assert found == wanted


def said_by_qemu(qemu: str, words: tuple[str, ...], folder: Path) -> list[str]:
    argv = [qemu, *MACHINE, *in_folder(words, folder), *LAST]
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    said = done.stderr.replace("qemu-system-x86_64: ", "")
    for option, text in zip(words[::2], words[1::2], strict=True):
        line = " ".join(in_folder((option, text), folder))
        said = said.replace(f"{line}: ", "@: ")
    lines = [*said.splitlines()]
    status = str(done.returncode)
    if lines and lines[-1] == SAID_OF_LAST:
        lines.pop()
        status = "starts"
    if "help" in done.stdout or "\n  " in done.stdout:
        lines.append("stdout")
    else:
        lines += done.stdout.splitlines()
    return [*(neutral(line, folder) for line in lines), f"-> {status}"]
