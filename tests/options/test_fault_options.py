"""The options that inject faults: --fault, --faults, --seed, --server-pid."""

import os
from pathlib import Path

import pytest

from qmpeer.options import (
    FAULT_OPTIONS,
    PROCESS_OPTIONS,
    Disturbance,
    ProgramOptions,
    StartError,
    check_process,
    parse_words,
)


def parse(*words: str) -> ProgramOptions:
    options = ProgramOptions()
    parse_words(
        options,
        words,
        flags={},
        readers={**FAULT_OPTIONS, **PROCESS_OPTIONS},
        take_word=lambda options, word: pytest.fail(word),
        warn=pytest.fail,
    )
    return options


def test_faults_of_the_command_line_and_of_files(tmp_path: Path) -> None:
    path = tmp_path / "faults.txt"
    path.write_text("# a remark\ndrop event=STOP\nlate seconds=0.5\n")
    options = parse("--fault", "cut after=stop", "-faults", str(path), "--seed", "7")
    assert str(options.faults) == "cut after=stop\ndrop event=STOP\nlate seconds=0.5"
    assert options.seed == 7
    disturbance = Disturbance(options, pytest.fail)
    assert disturbance.late == 0.5
    assert disturbance.wrap is not None


def test_without_faults() -> None:
    disturbance = Disturbance(parse(), pytest.fail)
    assert (disturbance.late, disturbance.wrap) == (0, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fault", "ctu"], "--fault ctu: found an unknown fault 'ctu'; did you mean cut?"),
        (["--seed", "-1"], "--seed -1: expected a whole number from 0"),
        (["--seed", "٣"], "--seed ٣: expected a whole number from 0"),
        (["--faults", "/nonexistent"], "--faults /nonexistent: can't be read: No such file or"),
    ],
)
def test_what_is_wrong(words: list[str], said: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(*words)
    assert str(caught.value).startswith(said)


def test_a_file_with_a_fault_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "faults.txt"
    path.write_text("cut\ncut cut\n")
    with pytest.raises(StartError) as caught:
        parse("--faults", str(path))
    assert str(caught.value) == f"--faults {path}: {path}:2: cut: found 'cut', expected key=value"


@pytest.mark.parametrize("fault", ["sigstop", "sigkill after=stop", "exit status=3"])
def test_faults_of_a_process_need_one(fault: str) -> None:
    check_process(parse("--fault", "cut"))
    check_process(parse("--fault", fault, "--server-pid", str(os.getpid())))
    with pytest.raises(StartError) as caught:
        check_process(parse("--fault", fault))
    assert str(caught.value) == f"--fault {fault}: expected --server-pid, the server's process"
