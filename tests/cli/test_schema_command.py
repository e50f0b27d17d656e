"""``qmpeer schema``, through its entry point: dump, diff, has, lint."""

import json
from pathlib import Path

import pytest

from tests.cli.programs import run_here
from tests.corpus import SMALL, recorded_introspection

QAPI = str(SMALL / "qapi" / "small-9.2" / "qapi" / "qapi-schema.json")
OLD_QAPI = str(SMALL / "qapi" / "small-2.4" / "qapi-schema.json")
NOW = str(SMALL / "replies" / "caps_small-9.2.replies")
NEWER = str(SMALL / "replies" / "caps_small-10.0.replies")


def run(*words: str) -> tuple[int, str, str]:
    done = run_here("schema", *words)
    return done.status, done.out.decode(), done.err.decode()


def test_dump_as_json_is_the_answer_itself() -> None:
    status, output, errors = run("dump", NOW, "--json")
    assert (status, errors) == (0, "")
    assert json.loads(output) == recorded_introspection("small-9.2")


@pytest.mark.parametrize("source", [QAPI, NOW], ids=["files", "recording"])
def test_dump_for_people(source: str) -> None:
    status, output, errors = run("dump", source)
    assert (status, errors) == (0, "")
    assert "query-discs" in output
    assert "DISC_ADDED" in output
    status, output, _ = run("dump", source, "--only", "stop-.*", "STOP.*")
    assert status == 0
    assert "stop-now" in output
    assert "STOPPED" in output
    assert "query-discs" not in output


def test_dump_of_old_files_takes_their_release() -> None:
    status, output, errors = run("dump", OLD_QAPI, "--json", "--release", "2.4")
    assert (status, errors) == (0, "")
    enums = [of for of in json.loads(output) if of["meta-type"] == "enum"]
    assert all("members" not in of for of in enums)
    assert enums


def test_diff_with_a_newer_one_breaks_nothing() -> None:
    status, output, errors = run("diff", NOW, NEWER)
    assert (status, errors) == (0, "")
    assert "    pause: command\n" in output
    assert "!" not in output


def test_diff_with_an_older_one_breaks() -> None:
    status, output, _ = run("diff", NEWER, NOW)
    assert status == 1
    assert "!" in output
    status, output, _ = run("diff", NEWER, NOW, "--json")
    assert status == 1
    changes = json.loads(output)
    assert {"pause", "query-player:state=paused"} <= {change["path"] for change in changes}
    assert all(
        change.keys() == {"kind", "path", "text", "breaking", "other-paths"} for change in changes
    )
    assert run("diff", NEWER, NOW, "--only", "stop-now")[0] == 0


def test_has() -> None:
    assert run("has", NOW, "stop-now", "query-discs.kind=vinyl") == (
        0,
        "stop-now: yes\nquery-discs.kind=vinyl: yes\n",
        "",
    )
    status, output, _ = run("has", NOW, "stop-now", "stop-then")
    assert status == 1
    assert output == (
        "stop-now: yes\nstop-then: no: there is no command or event 'stop-then'"
        "; did you mean stop-now?\n"
    )


def test_lint(tmp_path: Path) -> None:
    assert run("lint", QAPI, OLD_QAPI) == (0, "", "")
    assert run("lint", QAPI, "--strict") == (0, "", "")
    status, output, errors = run("lint", OLD_QAPI, "--strict")
    assert (status, output) == (1, "")
    assert "key 'discriminator' is missing" in errors
    # A file that can't be read doesn't prevent the check of the others.
    (tmp_path / "bad.json").write_text("{ 'command': 3 }")
    status, _, errors = run("lint", str(tmp_path / "none"), str(tmp_path / "bad.json"))
    assert status == 3
    assert "No such file or directory" in errors
    assert "bad.json:1:14:" in errors


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "found nothing, expected one of dump, diff, has, lint"),
        (["show"], 2, "found 'show', expected one of dump, diff, has, lint"),
        (["dump"], 2, "SOURCE"),
        (["dump", NOW, "--only", "("], 2, "--only: "),
        (["dump", NOW, "--release", "new"], 2, "--release"),
        (["dump", "tcp:"], 2, "found '', expected HOST:PORT"),
        (["dump", "none.json"], 3, "none.json: No such file or directory"),
        (["dump", "hello"], 1, "hello:1:1: found 'hello'"),
        (["diff", NOW, "hello"], 3, "hello:1:1: found 'hello'"),
        (["diff", "none.json", NOW], 3, "none.json: No such file or directory"),
        (["has", NOW], 2, "EXPRESSION"),
        (["has", NOW, "..x"], 2, "found '..x', expected a command or an event first"),
        (["has", "hello", "stop"], 3, "hello:1:1: found 'hello'"),
        (["lint"], 2, "FILE"),
    ],
    ids=lambda value: "-".join(map(str, value)).replace(NOW, "NOW") if type(value) is list else "",
)
def test_mistakes(
    words: list[str],
    status: int,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hello").write_text("hello\n")
    found, output, errors = run(*words)
    assert (found, output) == (status, "")
    assert expected in errors


@pytest.mark.parametrize("words", [["--help"], ["dump", "--help"], ["has", "-h"]], ids=" ".join)
def test_help(words: list[str]) -> None:
    status, output, errors = run(*words)
    assert (status, errors) == (0, "")
    assert output.startswith("usage: qmpeer schema")
