"""The README is true: its commands and its Python run, and print the output that it shows."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer import Client
from tests.docs.page_runner import Block, PageRunner, page_blocks, programs_in
from tests.patience import PATIENCE

README = (Path(__file__).parent.parent / "README.md").read_text()
SERVE = re.compile(r"^\$ qmpeer (serve .*) &\n", re.MULTILINE)
PRINTS = re.compile(r"# prints (.*)$", re.MULTILINE)


@pytest.fixture
def port() -> Iterator[int]:
    """Start the first server of the README, on a free port."""
    (command,) = SERVE.findall(README)
    argv = command.replace("localhost:4444", "127.0.0.1:0").split()
    control, theirs = socket.socketpair()
    with control, theirs:
        extra = ["-qmp", "stdio"]
        server = subprocess.Popen(
            [sys.executable, "-m", "qmpeer", *argv, *extra], stdin=theirs, stdout=theirs
        )
        try:
            with Client.connect(control, timeout=PATIENCE) as client:
                yield _port_of(client)
        finally:
            server.terminate()
            assert server.wait(PATIENCE) == 0


def _port_of(client: Client) -> int:
    for chardev in client.execute("query-chardev"):
        match = re.search(r"tcp:127\.0\.0\.1:(\d+)", chardev["filename"])
        if match:
            return int(match[1])
    raise AssertionError("no chardev listens on TCP")


def with_outputs(blocks: list[Block]) -> Iterator[Block]:
    """Yield blocks, and after each Python block the output that its comments promise."""
    for block in blocks:
        yield block
        if block.language == "python":
            assert PRINTS.search(block.text), "a program whose output isn't shown"
            output = "".join(f"{line}\n" for line in PRINTS.findall(block.text))
            yield Block("text", output, block.line)


@pytest.mark.real
@pytest.mark.terminal
def test_all_of_it_runs(port: int, program: Callable[[str], str], tmp_path: Path) -> None:
    text = SERVE.sub("", README)
    text = re.sub(r"localhost([: ])4444", rf"127.0.0.1\g<1>{port}", text)
    blocks = list(with_outputs(page_blocks(text)))
    assert {block.language for block in blocks} == {"console", "terminal", "python", "text"}
    for name in programs_in(blocks):
        program(name)
    with PageRunner("README.md", tmp_path) as runner:
        runner.run(blocks)


def test_the_first_forty_lines_hold_all_that_a_stranger_needs() -> None:
    head = "\n".join(README.splitlines()[:40])
    for what in (
        "It is not for you",
        "pip install",
        "make demo",
        "qmpeer serve",
        '{"status": "running"',
        "$ telnet",
        '{"return": {}}',
        "Client.connect",
        "# prints STOP",
        "monitor.start",
        "# prints 08090a0b",
    ):
        assert what in head


def test_it_names_what_ci_runs() -> None:
    commands = (Path(__file__).parent.parent / ".ci" / "run").read_text()
    for command in re.findall(r"^make \w+$", commands, re.MULTILINE):
        assert f"`{command}`" in README
