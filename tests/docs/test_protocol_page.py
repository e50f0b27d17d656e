"""The page on the protocol: each rule has tests that exist, and its conversations are true."""

import ast
import json
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.releases import as_written_by

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "protocol.md").read_text()
RULES = re.findall(r"^\*\*R(\d+)\*\* (.*?)(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

QMPEER = [sys.executable, "-m", "qmpeer", "serve"]
MACHINE = ["-machine", "none", "-nodefaults", "-display", "none"]


def test_rules_are_numbered() -> None:
    assert [int(number) for number, _ in RULES] == list(range(1, len(RULES) + 1))
    assert len(RULES) >= 50


@pytest.mark.parametrize(("number", "text"), RULES, ids=lambda value: value[:3])
def test_each_rule_names_tests_that_exist(number: str, text: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert named, f"R{number} names no test"
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"R{number}: {file} has no {name}"


def test_every_name_of_a_test_is_within_a_rule() -> None:
    assert PAGE.count("`tests/") == sum(text.count("`tests/") for _, text in RULES)


class Conversation:
    """Talk to a server on its standard input and output."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            [*command, "-qmp", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, "the server says nothing"
        return json.loads(self.process.stdout.readline())


@pytest.fixture(params=["qmpeer", pytest.param("qemu", marks=pytest.mark.real)])
def conversation(
    request: pytest.FixtureRequest, program: Callable[[str], str]
) -> Iterator[Conversation]:
    command = QMPEER if request.param == "qmpeer" else [program("qemu-system-x86_64"), *MACHINE]
    conversation = Conversation(command)
    try:
        yield conversation
    finally:
        conversation.process.kill()
        conversation.process.communicate(timeout=PATIENCE)


def comparable(message: Any) -> Any:
    """Return a message without what differs from server to server and from day to day."""
    if "QMP" in message:
        return sorted(message["QMP"])
    message.pop("timestamp", None)
    return message


@pytest.fixture
def release(request: pytest.FixtureRequest) -> tuple[int, int]:
    """Return the release of QEMU that the server is of, or follows."""
    if request.node.callspec.params["conversation"] == "qmpeer":
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
