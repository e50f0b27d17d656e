import os
import stat
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.shell.history import FileHistory, history_path


def keep_all(text: str) -> str:
    return text


def entries(path: Path) -> list[str]:
    """Return the entries that a new shell loads, the oldest first."""
    return list(FileHistory(path, keep_all).load_history_strings())[::-1]


def test_lines_are_kept_in_a_file_that_only_its_user_reads(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    history = FileHistory(path, keep_all)

    for line in ("stop", "transaction(\n abort\n)", "é ☃"):
        history.append_string(line)

    assert entries(path) == ["stop", "transaction(\n abort\n)", "é ☃"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_is_there_is_never_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'"old"\nnot ours\n')

    first, second = FileHistory(path, keep_all), FileHistory(path, keep_all)
    first.append_string("one")
    second.append_string("two")
    first.append_string("three")

    assert path.read_bytes() == b'"old"\nnot ours\n"one"\n"two"\n"three"\n'
    assert entries(path) == ["old", "one", "two", "three"]


@pytest.mark.parametrize("line", ["", "  \n", "x" * (limits.SHELL_HISTORY_ENTRY + 1)])
def test_what_is_no_use_is_left_out(tmp_path: Path, line: str) -> None:
    history = FileHistory(tmp_path / "history", keep_all)

    history.append_string(line)

    assert not (tmp_path / "history").exists()


def test_repetitions_are_left_out(tmp_path: Path) -> None:
    history = FileHistory(tmp_path / "history", keep_all)

    for line in ("stop", "stop ", "cont", "stop"):
        history.append_string(line)

    assert entries(tmp_path / "history") == ["stop", "cont", "stop"]


def test_discretion_decides(tmp_path: Path) -> None:
    history = FileHistory(tmp_path / "history", {"a": "A", "b": None}.get)

    history.append_string("a")
    history.append_string("b")

    assert entries(tmp_path / "history") == ["A"]
    assert history.get_strings() == ["A"]


def test_of_a_long_file_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f'"line {n}"\n' for n in range(100_000)))

    found = entries(path)

    assert found[-1] == "line 99999"
    assert 0 < len(found) < 100_000
    assert path.stat().st_size > limits.SHELL_HISTORY


def test_where_nothing_can_be_written_it_lasts_as_long_as_the_shell(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = FileHistory(tmp_path / "file" / "history", keep_all)

    history.append_string("stop")

    assert history.get_strings() == ["stop"]


def test_where_it_is() -> None:
    assert history_path({"XDG_STATE_HOME": "/x"}) == "/x/qmpeer/history"
    home = os.path.expanduser("~")
    assert history_path({}) == f"{home}/.local/state/qmpeer/history"


def test_no_link_is_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "history"
    target.write_text('"from there"\n')
    target.chmod(0o644)
    path.symlink_to(target)
    history = FileHistory(path, keep_all)

    history.append_string("stop")

    assert target.read_text() == '"from there"\n'
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert entries(path) == []
    assert history.get_strings() == ["stop"]


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history")
    history = FileHistory(tmp_path / "history", keep_all)

    history.append_string("stop")

    assert entries(tmp_path / "history") == []


def test_a_file_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("")
    path.chmod(0o666)

    FileHistory(path, keep_all).append_string("stop")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
