"""The page on the protocol: the tests of each rule exist, and its conversations are true."""

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from qmpeer.transport import dial
from tests.listening import until_listening
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU
from tests.releases import as_written_by

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "protocol.md").read_text()
RULES = re.findall(r"^\*\*R(\d+)\*\* (.*?)(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

QMPEER = [sys.executable, "-m", "qmpeer", "serve"]


def test_rules_are_numbered() -> None:
    assert [int(number) for number, _ in RULES] == list(range(1, len(RULES) + 1))
    assert len(RULES) >= 50


@functools.cache
def functions_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("number", "text"), RULES, ids=lambda value: value[:3])
def test_each_rule_names_tests_that_exist(number: str, text: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert named, f"R{number} names no test"
    for file, name in named:
        assert name in functions_in(file), f"R{number}: {file} has no {name}"


def test_every_name_of_a_test_is_within_a_rule() -> None:
    assert PAGE.count("`tests/") == sum(text.count("`tests/") for _, text in RULES)


class Conversation:
    """Talk to a server."""

    def __init__(self, path: Path) -> None:
        self._socket = dial(path, timeout=PATIENCE)
        self._socket.settimeout(PATIENCE)
        self._lines = self._socket.makefile("rb")

    def say(self, line: str) -> None:
        self._socket.sendall(line.encode() + b"\n")

    def hear(self) -> Any:
        return json.loads(self._lines.readline())

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture(scope="module", params=["qmpeer", pytest.param("qemu", marks=pytest.mark.real)])
def path(
    request: pytest.FixtureRequest,
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """The address of a server for all conversations, one after the other."""
    command = QMPEER if request.param == "qmpeer" else [program(QEMU), *BASE]
    path = tmp_path_factory.mktemp("protocol") / "q"
    listening = ["-qmp", f"unix:{path},server=on,wait=off"]
    process = subprocess.Popen([*command, *listening], stdin=subprocess.DEVNULL)
    try:
        until_listening(path, process)
        yield path
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture
def conversation(path: Path) -> Iterator[Conversation]:
    with Client.connect(path, timeout=PATIENCE) as vm:
        vm.execute("cont")
    conversation = Conversation(path)
    yield conversation
    conversation.close()


def comparable(message: Any) -> Any:
    """Return a message without the parts that vary with the server or the time."""
    if "QMP" in message:
        return sorted(message["QMP"])
    message.pop("timestamp", None)
    return message


@pytest.fixture
def release(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Return the QEMU release of the server, or the release that it follows."""
    if request.node.callspec.params["path"] == "qmpeer":
        return (7, 2)
    version: tuple[int, int] = request.getfixturevalue("qemu_version")
    return version


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.splitlines()[1][:40])
def test_conversations_are_true(
    example: str, conversation: Conversation, release: tuple[int, int]
) -> None:
    heard = 0
    for line in example.splitlines():
        arrow, text = line[:3], line[3:]
        if arrow == "-> ":
            conversation.say(text)
        else:
            assert arrow == "<- "
            expected = json.loads(as_written_by(release, text))
            assert comparable(conversation.hear()) == comparable(expected)
            heard += 1
    assert heard >= 5


def test_there_are_conversations() -> None:
    assert len(EXAMPLES) == PAGE.count("```text\n") >= 3
