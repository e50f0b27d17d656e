"""The messages of mistakes: one mistake, one tiny test, its message beside it.

`python -m tests.testing.pytest_run` writes the messages.

Modules: item_state, leaks, plugin, recorded, replay_server, settings, tasks.
"""

from pathlib import Path

from tests.testing.pytest_run import FOLDER, copied, reports, run_pytest


def test_the_messages(tmp_path: Path) -> None:
    done = run_pytest(copied("mistakes", tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    messages = dict(reports(done.stdout))
    folder = FOLDER / "mistakes"
    assert sorted(messages) == sorted(each.stem for each in folder.glob("test_*.py"))
    texts = {each.stem: each.read_text(encoding="utf-8") for each in folder.glob("test_*.txt")}
    for name, message in messages.items():
        assert message == texts.get(name), name
    assert len(texts) == len(messages) > 20
    for name in ("test_wrong_arguments", "test_failing_body"):
        assert "<redacted>" in messages[name]
    calls = [line for text in messages.values() for line in text.splitlines() if "->" in line]
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
