"""Plans in files.

Modules: random_plans.
"""

import shlex
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.faults import FaultError, Faults, random_faults
from qmpeer.faults.vocabulary import KINDS


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.txt"
    path.write_text("# faults\ncut after=stop\n\ndrop event=STOP # a remark\n")
    assert str(Faults.read(path)) == "cut after=stop\ndrop event=STOP"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"cut\ndrop evnt=X\n", ":2: drop: found an unknown key 'evnt'; did you mean event=?"),
        (b"cut\n\xff\n", ":2: found byte 0xff, expected UTF-8"),
        (b"cut\n" * 1001, ":1001: found more than 1000 faults"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "faults.txt"
    path.write_bytes(data)
    with pytest.raises(FaultError) as caught:
        Faults.read(path)
    assert str(caught.value) == f"{path}{said}"


def test_a_file_that_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAULT_FILE", 10)
    path = tmp_path / "faults.txt"
    path.write_text("# a remark that is long\n")
    with pytest.raises(FaultError, match="found more than 10 bytes, expected a file of faults"):
        Faults.read(path)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Faults.read(tmp_path / "none")


def test_the_command_line_repeats_a_plan() -> None:
    plan = Faults().error(desc="it's", command="x").cut(byte=1)
    words = shlex.split(plan.command_line(3))
    assert words[-2:] == ["--seed", "3"]
    assert str(Faults(words[1:-2:2])) == str(plan)


def test_random_plans_have_every_kind_but_those_of_a_process() -> None:
    found = {fault.word for seed in range(150) for fault in random_faults(seed)}
    assert found == KINDS.keys() - {"late", "sigstop", "sigkill", "exit"}
    assert "cut" not in {
        fault.word for seed in range(50) for fault in random_faults(seed, without=["cut"])
    }
