"""The recorder of QEMU's answers to questions about itself, such as ``-device help``.

A recording is a script: each answer is a rule ``[[when]]``.
"""

import json
import os.path
import shlex
import subprocess
from collections.abc import Sequence
from typing import Final

from qmpeer import limits

QUESTIONS: Final = (
    "-version",
    "-help",
    "-machine help",
    "-accel help",
    "-cpu help",
    "-device help",
    "-object help",
    "-netdev help",
    "-chardev help",
    "-audiodev help",
    "-display help",
    "-vga help",
    "-d help",
)
"""The questions that programs ask."""


def record_answers(qemu: str, questions: Sequence[str] = ()) -> str:
    """Ask a real QEMU about itself, and return its answers as a script.

    Args:
        qemu: The program.
        questions: Further questions, such as "-device virtio-net-pci,help".

    Raises:
        OSError: If it can't be started.
        TimeoutError: If an answer takes longer than `limits.FAKE_QEMU_ANSWER`.
    """
    rules = [_rule(qemu, shlex.split(question)) for question in (*QUESTIONS, *questions)]
    return "\n".join([f"# Answers of {os.path.basename(qemu)}.\n", *rules])


def _rule(qemu: str, words: list[str]) -> str:
    try:
        answer = subprocess.run(
            [qemu, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.FAKE_QEMU_ANSWER,
            check=False,
        )
    except subprocess.TimeoutExpired:
        seconds = limits.FAKE_QEMU_ANSWER
        asked = shlex.join([qemu, *words])
        raise TimeoutError(f"{asked}: found no answer after {seconds:.0f} s") from None
    lines = ["[[when]]", f"argv = {json.dumps(words)}"]
    for name, data in (("stdout", answer.stdout), ("stderr", answer.stderr)):
        if data:
            lines.append(f"{name} = {_text(data.decode(errors='replace'))}")
    outcome = "status" if answer.returncode >= 0 else "signal"
    return "\n".join([*lines, f"{outcome} = {abs(answer.returncode)}", ""])


def _text(text: str) -> str:
    """Return a text in TOML, line by line where that is possible."""
    if "'''" not in text and text.replace("\n", "").replace("\t", "").isprintable():
        return f"'''\n{text}'''"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
