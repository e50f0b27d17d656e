"""The output and the exit status of a start, ours compared with QEMU's."""

import re
import shlex
from pathlib import Path

import pytest

from tests.machine.serving import StartHere, run_qmpeer
from tests.qemu import BASE
from tests.starts import (
    Place,
    Words,
    ask_all,
    read_cases,
    record,
    sample,
    write_cases,
)

LINES = Path(__file__).with_name("start_lines.txt")
CASES = read_cases(LINES)


@pytest.mark.parametrize("words", CASES, ids=shlex.join)
def test_start_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: StartHere, words: Words
) -> None:
    with Place(tmp_path / "here") as place:
        monkeypatch.chdir(place.folder)
        line = [*BASE, *place.put(words)]
        forks = words[-1] == "-daemonize"  # the other argument is rejected first
        done = run_qmpeer("serve", *line) if forks else start(*line)
        err = re.sub("^qmpeer serve: ", "", done.stderr, flags=re.MULTILINE)
        status = "starts" if done.returncode is None else done.returncode
        found = place.said(words, err, done.stdout, status)
    assert found == CASES[words]


@pytest.mark.real
def test_recording_a_few(tmp_path: Path, recorded_qemu: str) -> None:
    expected = sample(CASES, 4)
    write_cases(tmp_path / "lines", {words: [] for words in expected})
    record(tmp_path / "lines", recorded_qemu)
    assert read_cases(tmp_path / "lines") == expected


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_start_lines_of_qemu(tmp_path: Path, recorded_qemu: str) -> None:
    assert ask_all(recorded_qemu, CASES, tmp_path) == CASES
