"""Process id files; `tests/machine/test_serve.py` sends a whole program into the background."""

import os
from pathlib import Path

import pytest

from qmpeer.options.daemonize import PidFile
from qmpeer.options.start_error import StartError
from tests.forks import in_child


def test_the_file_is_there_as_long_as_the_process_runs(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("an older and longer text")
    file = PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()
    assert not path.exists()


def test_the_file_of_another_stays(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    file = PidFile(str(path))
    path.rename(tmp_path / "old")
    path.write_text("of another")
    file.remove()
    assert path.read_text() == "of another"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no" / "pid"
    with pytest.raises(StartError) as caught:
        PidFile(str(path))
    assert str(caught.value) == (
        f"cannot create PID file: Could not create '{path}': No such file or directory"
    )


def test_two_processes_with_one_file(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    file = PidFile(str(path))
    text = in_child(lambda: PidFile(str(path)))
    assert text.startswith("StartError: cannot create PID file: Cannot lock pid file: ")
    assert path.read_text() == f"{os.getpid()}\n"
    file.remove()
