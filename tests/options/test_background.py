"""The place of a program: its process id in a file as long as it runs; a daemon's exit status."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer.options import ProgramOptions
from qmpeer.options.background import run_in_place
from qmpeer.options.start_error import StartError
from tests.forks import in_child


def test_a_program_in_the_foreground(tmp_path: Path) -> None:
    path = tmp_path / "pid"

    def run(when_ready: Callable[[], None]) -> int:
        when_ready()
        assert path.read_text() == f"{os.getpid()}\n"
        return 7

    assert run_in_place(ProgramOptions(pid_file=str(path)), run, failed=1) == 7
    assert not path.exists()


def test_a_file_that_cannot_be(tmp_path: Path) -> None:
    options = ProgramOptions(pid_file=str(tmp_path / "no" / "pid"))
    with pytest.raises(StartError, match="cannot create PID file"):
        run_in_place(options, lambda when_ready: 0, failed=1)


def test_a_daemon_that_fails_before_it_is_ready() -> None:
    options = ProgramOptions(is_daemon=True)
    assert in_child(lambda: run_in_place(options, lambda when_ready: os._exit(0), failed=3)) == "3"


def test_a_daemon_that_is_ready(tmp_path: Path) -> None:
    options = ProgramOptions(is_daemon=True, pid_file=str(tmp_path / "pid"))

    def run(when_ready: Callable[[], None]) -> int:
        when_ready()
        (tmp_path / "ran").touch()
        os._exit(0)

    assert in_child(lambda: run_in_place(options, run, failed=3)) == "0"
    assert (tmp_path / "pid").exists()
