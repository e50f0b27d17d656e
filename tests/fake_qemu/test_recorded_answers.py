"""The recorder of QEMU's answers; what it writes is read back, and given as it came."""

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.fake_qemu import record_answers
from qmpeer.fake_qemu.process_script import read_process_script
from qmpeer.fake_qemu.recorded_answers import QUESTIONS
from tests.fake_qemu.conftest import Install
from tests.patience import PATIENCE
from tests.qemu import QEMU

TEXTS = (
    "a\nb\n",
    "",
    "no end",
    "'''\n",
    'a "b" \\n',
    "\x1b[0m\x7f\n",
    "é\u2028\U0001f600",
    "\n\nx",
)
"""Answers that need care in TOML."""


def program_that_prints(path: Path, text: str) -> str:
    (path / "text").write_text(text)
    (path / "qemu").write_text(f"#!/bin/sh\ncat {path}/text\necho no >&2\nexit 3\n")
    (path / "qemu").chmod(0o755)
    return str(path / "qemu")


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_back(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.fake_qemu.recorded_answers.QUESTIONS", ("-version",))
    recorded = record_answers(program_that_prints(tmp_path, text), ["-device x,help"])
    rules = tomllib.loads(recorded)["when"]
    assert [rule["argv"] for rule in rules] == [["-version"], ["-device", "x,help"]]
    assert {(rule.get("stdout", ""), rule["stderr"], rule["status"]) for rule in rules} == {
        (text, "no\n", 3)
    }


def test_a_program_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAKE_QEMU_ANSWER", 0.05)
    path = tmp_path / "qemu"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    with pytest.raises(TimeoutError, match=r"qemu -version: found no answer after 0 s$"):
        record_answers(str(path))


@pytest.mark.real
def test_answers_of_a_real_qemu(
    install: Install,
    program: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qmpeer.fake_qemu.recorded_answers.QUESTIONS", QUESTIONS[:6:5])
    qemu = program(QEMU)
    path = tmp_path / "answers.toml"
    path.write_text(record_answers(qemu, ["-device virtio-net-pci,help"]))
    assert len(read_process_script(str(path)).rules) == 3
    fake = install(answers=path)
    for line in ("-version", "-device help", "-device virtio-net-pci,?"):
        real, ours = (
            subprocess.run([each, *line.split()], capture_output=True, timeout=PATIENCE)
            for each in (qemu, fake.path)
        )
        assert (ours.returncode, ours.stdout) == (real.returncode, real.stdout)
        assert len(ours.stdout) > 100
