"""The process's part of a script: what it says, when its rules hold, and every mistake in it."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.errors import ScriptError
from qmpeer.fake_qemu.documents import Document
from qmpeer.fake_qemu.process_script import Rule, read_process_script
from qmpeer.fake_qemu.qemu_options import words_of

WHOLE = """\
[process]
version = "9.2.0"
answers = "answers.toml"
replay = "/vm.txt"
faults = ["cut after=stop"]
insecure = true

[[when]]
argv = "-accel 'k v'"
environment = { MODE = "slow", HOME = true, NO = false }
start = 2
stderr = "no\\n"
signal = "KILL"

[[when]]
command = "device_add"
arguments = { id = "d0" }
after = 1
chardev = { c0 = "text" }
file.x = "text"
status = 3

[[when]]
event = "SHUTDOWN"
data = { guest = true }
status = 0

[[when]]
replay = "b.txt"
conversation = 2
"""


def script(folder: Path, text: str) -> str:
    path = folder / "s.toml"
    path.write_text(text)
    return str(path)


def test_everything_that_a_script_may_say(tmp_path: Path) -> None:
    found = read_process_script(script(tmp_path, WHOLE))
    assert found.version == "9.2.0"
    assert found.answers == f"{tmp_path}/answers.toml"
    assert found.replay == "/vm.txt"
    assert found.faults == ("cut after=stop",)
    assert found.is_insecure
    assert not found.has_monitor
    assert found.rules == (
        Rule(
            argv=("-accel", "k v"),
            environment={"MODE": "slow", "HOME": True, "NO": False},
            start=2,
            stderr="no\n",
            signal=9,
        ),
        Rule(
            command="device_add",
            arguments={"id": "d0"},
            after=1.0,
            chardev={"c0": "text"},
            file={"x": "text"},
            status=3,
        ),
        Rule(event="SHUTDOWN", data={"guest": True}, status=0),
        Rule(replay=f"{tmp_path}/b.txt", conversation=2),
    )


@pytest.mark.parametrize(
    ("rule", "line", "holds"),
    [
        (Rule(), "", True),
        (Rule(argv=("-accel", "kvm")), "-S --accel kvm", True),
        (Rule(argv=("-accel", "kvm")), "-accel tcg kvm", False),
        (Rule(argv=("-accel", "kvm")), "-name -accel kvm", False),
        (Rule(argv=("-machine", "*accel=kvm*")), "-M q35,accel=kvm", True),
        (Rule(argv=("*.img",)), "-hda a.img", True),
        (Rule(argv=("*.img",)), "-hda a.img2", False),
        (Rule(argv=("kvm",)), "-accel kvm", True),
        (Rule(environment={"A": "1", "B": True, "C": False}), "", True),
        (Rule(environment={"A": "2"}), "", False),
        (Rule(environment={"C": "2"}), "", False),
        (Rule(environment={"C": True}), "", False),
        (Rule(environment={"A": False}), "", False),
        (Rule(start=2), "", True),
        (Rule(start=3), "", False),
    ],
)
def test_conditions(rule: Rule, line: str, holds: bool) -> None:
    words = list(words_of(line.split()))
    assert rule.fits(words, {"A": "1", "B": ""}, 2) is holds


@pytest.mark.parametrize(
    ("settings", "is_at_once"),
    [
        ({"stderr": "x"}, True),
        ({"status": 1}, True),
        ({"serial": "x", "status": 1}, False),
        ({"status": 1, "after": 0.0}, False),
        ({"status": 1, "command": "stop"}, False),
        ({"stdout": "x", "event": "STOP"}, False),
    ],
)
def test_what_happens_before_anything_is_opened(settings: dict[str, Any], is_at_once: bool) -> None:
    assert Rule(**settings).is_at_once is is_at_once


MISTAKES = [
    ("x", "1:2: not TOML: expected '=' after a key in a key/value pair"),
    ("\n[[when]\n", "2:7: not TOML: expected ']]' at the end of an array declaration"),
    ("x = " + "[" * 9999, "1:10004: not TOML: maximum recursion depth exceeded"),
    ("\n[when]\nstatus = 1\n", "2: found 'when', expected [[when]]"),
    ("process = 1\n", "1: found 'process', expected [process]"),
    ("[process]\n\nversoin = ''\n", "3: found an unknown key 'versoin'; is it 'version'?"),
    (
        "[process]\nx = 1\n",
        "2: found 'x', expected version, answers, replay, faults or insecure",
    ),
    ("[process]\nversion = 9.2\n", "2: found version = 9.2, expected a version, such as '9.2.0'"),
    (
        "[process]\nfaults = 'cut'\n",
        "2: found faults = 'cut', expected a list of faults, such as ['cut after=stop']",
    ),
    ("[process]\ninsecure = 1\n", "2: found insecure = 1, expected true or false"),
    (
        "[[when]]\nstatus = 1\n\n[[when]]\nargv = ''\nstatus = 1\n",
        "5: found argv = '', expected words of a command line, such as '-accel kvm'",
    ),
    (
        '[[when]]\nargv = "it\'s"\nstatus = 1\n',
        '2: found argv = "it\'s", expected words of a command line, such as \'-accel kvm\'',
    ),
    (
        "[[when]]\nstatus = 256\n",
        "2: found status = 256, expected an exit status from 0 to 255",
    ),
    ("[[when]]\nsignal = 'FOO'\n", "2: found signal = 'FOO', expected a signal, such as 'SIGKILL'"),
    ("[[when]]\nsignal = true\n", "2: found signal = True, expected a signal, such as 'SIGKILL'"),
    ("[[when]]\nstatus = 1\nsignal = 9\n", "3: found status and signal, expected one of them"),
    (
        "[[when]]\nstatus = 1\nevent = 'STOP'\ncommand = 'stop'\n",
        "3: found command and event, expected one of them",
    ),
    ("[[when]]\nstatus = 1\nafter = -1\n", "3: found after = -1, expected seconds up to 86400"),
    ("[[when]]\nstatus = 1\nstart = 0\n", "3: found start = 0, expected a number from 1"),
    ("[[when]]\ncommand = ''\n", "2: found command = '', expected the name of a QMP command"),
    (
        "[[when]]\nstatus = 1\narguments = {}\n",
        "3: found arguments, expected command, too",
    ),
    (
        "[[when]]\ncommand = 'stop'\narguments = 3\nstatus = 1\n",
        "3: found arguments = 3, expected a table of arguments",
    ),
    (
        "[[when]]\n[when.chardev]\nx = 1\n",
        "2: found chardev = {'x': 1}, expected texts by the ids of character devices",
    ),
    (
        "[[when]]\n[when.environment]\nx = 1\n",
        "2: found environment = {'x': 1}, expected texts, true or false, by variable",
    ),
    (
        "[[when]]\nfile = ['" + "x" * 100 + "']\n",
        "2: found file = ['" + "x" * 58 + "…, expected texts by path",
    ),
    (
        "[[when]]\nafter = 1\nreplay = 'x'\n",
        "3: found replay with a moment, expected a rule for the start",
    ),
    (
        "[[when]]\nstart = 1\n",
        "1: found a rule that does nothing, expected a text, status or signal",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "error"), MISTAKES)
def test_mistakes(tmp_path: Path, text: str, error: str) -> None:
    path = script(tmp_path, text)
    with pytest.raises(ScriptError) as caught:
        read_process_script(path)
    assert str(caught.value) == f"{path}:{error}"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"# 1\n# \xff\n")
    with pytest.raises(ScriptError, match=r"s\.toml:2:3: found byte 0xff, expected UTF-8$"):
        read_process_script(str(path))


def test_a_script_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAKE_QEMU_SCRIPT", 10)
    with pytest.raises(ScriptError, match=r"found more than 10 bytes, expected a shorter file$"):
        read_process_script(script(tmp_path, "# a longer script\n"))


def test_too_many_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAKE_QEMU_RULES", 1)
    path = script(tmp_path, "[[when]]\nstatus = 1\n[[when]]\nstatus = 2\n")
    with pytest.raises(ScriptError, match=r"s\.toml:1: found 2 rules, expected at most 1$"):
        read_process_script(path)


def test_a_part_of_another_room(tmp_path: Path) -> None:
    text = "[server]\nversion = [9, 2, 0]\n[[on]]\ncommand = 'stop'\n"
    found = read_process_script(script(tmp_path, text))
    assert found.has_monitor
    assert found.version == "9.2.0"


@pytest.mark.parametrize(
    ("table", "number", "key", "line"),
    [
        ("process", 0, "", 1),
        ("process", 0, "log", 2),
        ("when", 0, "", 4),
        ("when", 0, "file", 6),
        ("when", 1, "", 8),
        ("when", 1, "argv", 9),
        ("when", 1, "file", 8),
    ],
)
def test_places(tmp_path: Path, table: str, number: int, key: str, line: int) -> None:
    text = "[process]\nlog = 1\n\n[[when]]\nargv = 1\n[when.file]\na = 1\n[[when]]\n'argv' = 1\n"
    path = script(tmp_path, text)
    assert Document(path).place(table, number, key) == f"{path}:{line}"
