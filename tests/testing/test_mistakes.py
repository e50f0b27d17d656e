"""The messages of mistakes: one mistake, one tiny test, its message beside it.

`python -m tests.testing.pytest_run` writes the messages.

Modules: item_state, leaks, plugin, recorded, replay_server, settings, tasks.
"""

from pathlib import Path

import pytest

from tests.testing.pytest_run import FOLDER, copied, reports, run_pytest

MISTAKES = sorted(each.stem for each in (FOLDER / "mistakes").glob("test_*.py"))


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The messages by the name of the test."""
    folder = copied("mistakes", tmp_path_factory.mktemp("mistakes"))
    done = run_pytest(folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return dict(reports(done.stdout))


@pytest.mark.parametrize("name", MISTAKES)
def test_the_message(messages: dict[str, str], name: str) -> None:
    expected = (FOLDER / "mistakes" / f"{name}.txt").read_text(encoding="utf-8")
    assert messages[name] == expected


def test_there_are_no_others(messages: dict[str, str]) -> None:
    assert sorted(messages) == MISTAKES
    texts = {each.stem for each in (FOLDER / "mistakes").glob("test_*.txt")}
    assert texts == set(MISTAKES)


def test_no_secret_shows(messages: dict[str, str]) -> None:
    for name in ("test_wrong_arguments", "test_failing_body"):
        assert "<redacted>" in messages[name]
    calls = [line for text in messages.values() for line in text.splitlines() if "->" in line]
    assert calls
    assert not [line for line in calls if "hunter2" in line]


def test_the_configuration(tmp_path: Path) -> None:
    folder = copied("mistakes", tmp_path)
    names = ("test_connection_left_open.py", "test_task_left_running.py", "test_too_often.py")
    options = ("-o", "qmp_leaks=warn", "-o", "qmp_schema=schema.json")
    done = run_pytest(folder, *options, *names)
    assert "1 failed, 2 passed" in done.stdout
    assert "PytestWarning: the test has left open: 1 connection" in done.stdout
    assert "task: poll(), created at test_task_left_running.py:16" in done.stdout
    assert "ScriptError: test_too_often.py:10: stop: the schema has no such command" in done.stdout
