"""``qmpeer transcript``, through its entry point: check, convert."""

from pathlib import Path

import pytest

from tests.cli.programs import run_here
from tests.corpus import SMALL

SESSION = """\
# a session
@ opened
<- {"QMP": {"version": {}, "capabilities": []}}
-> {"execute": "qmp_capabilities", "id": 1}
<- {"return": {}, "id": 1}
-> {"execute": "stop", "id": 2}
<- {"event": "STOP"}
<- {"return": {}, "id": 2}
-> {"execute": "quit", "id": 3}
@ noise from server x
@ closed by server
"""
REPLIES = """\
{
  "execute": "qmp_capabilities",
  "id": 1
}

{
  "return": {},
  "id": 1
}

{
  "execute": "stop",
  "id": 2
}

{
  "return": {},
  "id": 2
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vm.txt"
    path.write_text(SESSION)
    return path


def run(*words: str | Path) -> tuple[int, str, str]:
    done = run_here("transcript", *map(str, words))
    return done.status, done.out.decode(), done.err.decode()


def test_check(file: Path) -> None:
    replies = SMALL / "replies" / "caps_small-9.2.replies"
    status, output, errors = run("check", file, replies)
    assert (status, errors) == (0, "")
    first, second = output.splitlines()
    assert first == (
        f"{file}: 1 section, 1 connection, 3 lines of clients, 4 lines of servers, 1 piece of noise"
    )
    assert second.startswith(f"{replies}: 1 section, ")


def test_check_names_the_first_fault_of_each(file: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(SESSION.replace("@ opened", "@ opend"))
    (tmp_path / "bad.replies").write_text('{\n  "a": \n}\n')
    (tmp_path / "empty").write_text("")
    status, output, errors = run(
        "check", *(tmp_path / name for name in ("bad.txt", "bad.replies", "vm.txt", "empty"))
    )
    assert status == 1
    assert output.splitlines()[1] == f"{tmp_path}/empty: nothing"
    first, second = errors.splitlines()
    assert first.startswith(f"qmpeer transcript check: {tmp_path}/bad.txt:2: found '@ opend', ")
    assert second == (
        f"qmpeer transcript check: {tmp_path}/bad.replies:3: found '}}',"
        " expected JSON: expecting value"
    )


def test_check_without_a_file(file: Path, tmp_path: Path) -> None:
    status, output, errors = run("check", tmp_path / "none", file)
    assert status == 2
    assert errors == f"qmpeer transcript check: {tmp_path}/none: No such file or directory\n"
    assert output.startswith(f"{file}: 1 section")
    assert run("check")[0] == 2


def test_a_file_of_a_gibibyte(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 30)
    status, _, errors = run("check", tmp_path / "huge")
    assert status == 1
    assert errors.endswith("huge: found more than 268435456 bytes, expected no more\n")


def test_convert_to_libvirts_form_lists_what_is_lost(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "vm.replies"
    target.write_text("old")
    status, output, errors = run("convert", file, target)
    assert (status, output) == (0, "")
    assert target.read_text() == REPLIES
    before = "qmpeer transcript convert: lost: "
    assert [line.removeprefix(before) for line in errors.splitlines()] == [
        "1 title",
        "2 directives",
        "1 piece of noise",
        "1 greeting",
        "1 event",
        "a command without a reply: quit (line 9)",
    ]


def test_convert_there_and_back(tmp_path: Path) -> None:
    (tmp_path / "a.replies").write_text(REPLIES)
    assert run("convert", tmp_path / "a.replies", tmp_path / "b.txt") == (0, "", "")
    assert (tmp_path / "b.txt").read_text().startswith('-> {"execute": "qmp_capabilities", "id"')
    assert run("convert", tmp_path / "b.txt", tmp_path / "c.replies") == (0, "", "")
    assert (tmp_path / "c.replies").read_text() == REPLIES


def test_convert_of_a_faulty_file_writes_nothing(file: Path, tmp_path: Path) -> None:
    file.write_text("x")
    status, _, errors = run("convert", file, tmp_path / "out")
    assert status == 1
    assert errors.startswith(f"qmpeer transcript: {file}:1: found 'x', expected ")
    assert not (tmp_path / "out").exists()


def test_convert_to_a_folder_that_is_not_there(file: Path, tmp_path: Path) -> None:
    status, _, errors = run("convert", file, tmp_path / "none" / "out")
    assert status == 2
    assert "No such file or directory" in errors
