"""Starts that end before anything is opened: answers, errors and signals at once.

Modules: program, start, built_in_answers.
"""

import signal
import subprocess
from pathlib import Path

import pytest

from qmpeer.fake_qemu import FakeQemu
from qmpeer.fake_qemu.built_in_answers import built_in_answer
from qmpeer.fake_qemu.qemu_options import words_of
from tests.fake_qemu.conftest import Install
from tests.patience import PATIENCE


def run(fake: FakeQemu, line: str, **environment: str) -> tuple[int, str, str]:
    """Return the exit status, standard output and standard error of a start."""
    done = subprocess.run(
        [fake.path, *line.split()],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**fake.environment, **environment},
    )
    return done.returncode, done.stdout, done.stderr


SCRIPT = """\
[process]
version = "9.2.0 (Debian)"

[[when]]
argv = "-accel kvm"
stderr = "Could not access KVM kernel module: No such file or directory\\n"
status = 1

[[when]]
environment = { MODE = "crash" }
stdout = "half a li"
file = { "core.txt" = "dumped" }
signal = "SIGSEGV"

[[when]]
start = 3
stderr = "only once\\n"
"""
KVM = "Could not access KVM kernel module: No such file or directory\n"


def test_rules_at_the_start(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fake = install(SCRIPT)
    version = "QEMU emulator version 9.2.0 (Debian)\n"
    assert run(fake, "-S -machine q35 --accel kvm") == (1, "", KVM)
    assert run(fake, "-version", MODE="crash") == (-signal.SIGSEGV, "half a li", "")
    assert (tmp_path / "core.txt").read_text() == "dumped"
    status, out, err = run(fake, "--version", MODE="fine")
    assert (status, out.partition("\n")[0] + "\n", err) == (0, version, "only once\n")
    assert [(each.status, each.signal) for each in fake.starts] == [
        (1, None),
        (None, signal.SIGSEGV),
        (0, None),
    ]
    assert fake.starts[0].argv == [fake.path, "-S", "-machine", "q35", "--accel", "kvm"]


def test_recorded_answers(install: Install, tmp_path: Path) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text(
        "[[when]]\nargv = '-device help'\nstdout = 'name \"e1000\"'\nstatus = 0\n"
        "[[when]]\nargv = '-d help'\nstdout = 'log items'\nstatus = 1\n"
    )
    fake = install(answers=answers)
    assert run(fake, "-M none -device ?") == (0, 'name "e1000"', "")
    assert run(fake, "-d help") == (1, "log items", "")
    hint = "no answer is recorded; qmpeer fake-qemu --record QEMU -o FILE records them"
    error = f"qemu-system-x86_64: -cpu help: {hint}\n"
    assert run(fake, "-cpu help") == (1, "", error)


@pytest.mark.parametrize(
    ("line", "first", "status"),
    [
        ("-version", "QEMU emulator version 1.2", 0),
        ("-S --help", "QEMU emulator version 1.2", 0),
        ("-machine help", "Supported machines are:", 0),
        ("-M ?", "Supported machines are:", 0),
        ("-accel help", "Accelerators supported in QEMU binary:", 0),
        ("-device help", "", 1),
        ("-device e1000,help", "", 1),
    ],
)
def test_built_in_answers(line: str, first: str, status: int) -> None:
    answer = built_in_answer("qemu", list(words_of(line.split())), "1.2")
    assert answer is not None
    assert (answer[0].partition("\n")[0], answer[2]) == (first, status)


@pytest.mark.parametrize("line", ["", "-name -version", "-S help", "-device e1000", "-device"])
def test_what_is_no_question(line: str) -> None:
    assert built_in_answer("qemu", list(words_of(line.split())), "") is None


def test_a_script_that_has_become_wrong(install: Install, tmp_path: Path) -> None:
    fake = install("[[when]]\nstatus = 1\n")
    (tmp_path / "script.toml").write_text("[[when]]\nstaus = 1\n")
    where = f"{tmp_path}/script.toml:2"
    error = f"qemu-system-x86_64: {where}: found an unknown key 'staus'; is it 'status'?\n"
    assert run(fake, "-S") == (1, "", error)
    (tmp_path / "script.toml").unlink()
    error = f"qemu-system-x86_64: {tmp_path}/script.toml: No such file or directory\n"
    assert run(fake, "-S") == (1, "", error)
    assert [each.status for each in fake.starts] == [None, None]
