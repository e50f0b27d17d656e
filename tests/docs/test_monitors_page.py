"""The page on monitors: its session at two terminals, run with real programs."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest

from tests.client.faces import background
from tests.docs.pages import blocks
from tests.patience import PATIENCE
from tests.tmux import Terminal

pytestmark = [pytest.mark.real, pytest.mark.terminal]

SHOWN_PORT = "4444"
TERMINAL, TELNET = (
    [text for kind, text, _ in blocks("monitors.md") if kind == wanted]
    for wanted in ("terminal", "telnet")
)
START, WORK = TERMINAL
TALK, NEWS = TELNET
PROMPT = "(qemu) "


class Telnet:
    """The connection of a program, made with telnet."""

    def __init__(self, program: str, port: str) -> None:
        self._process = Popen(
            [program, "127.0.0.1", port],
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            text=True,
            bufsize=1,
        )

    def read(self) -> str:
        assert self._process.stdout is not None
        line = ""
        while not line.startswith("{"):  # telnet has its own lines before the first
            line = background(self._process.stdout.readline).result(PATIENCE)
            assert line, "telnet has ended"
        return line.rstrip("\r\n")

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def alike(text: str) -> str:
    """Return a text without varying parts: ports, times, the host's names, blanks at the end."""
    text = re.sub(r'"(micro)?seconds": \d+', r'"\1seconds": 0', text)
    text = text.replace("localhost", "127.0.0.1")  # whatever this host's resolver says
    return re.sub(r"(127\.0\.0\.1(?:,port=|:))\d+", r"\1PORT", text).rstrip()


@pytest.fixture
def terminal(program: Callable[[str], str], tmp_path: Path) -> Iterator[Terminal]:
    """Start the server of the page on a free port."""
    command, *_ = START.splitlines()
    command = command.replace(f"localhost,port={SHOWN_PORT}", "127.0.0.1,port=0")
    words = command.removeprefix("$ qmpeer ").split()
    with Terminal(
        program("tmux"), tmp_path, [sys.executable, "-m", "qmpeer", *words], columns=200
    ) as terminal:
        yield terminal


def test_the_session(terminal: Terminal, program: Callable[[str], str]) -> None:
    shown = terminal.until_seen("waiting for connection")
    assert [alike(line) for line in shown] == [alike(line) for line in START.splitlines()[1:]]
    (port,) = re.findall(r"127\.0\.0\.1:(\d+)", "\n".join(shown))
    telnet = Telnet(program("telnet"), port)
    try:
        for line in TALK.splitlines()[1:]:
            if line.startswith("{ "):
                telnet.write(line)
            else:
                assert telnet.read() == line
        for line in WORK.splitlines():
            if line.startswith(PROMPT):
                shown = terminal.ask(PROMPT.strip(), line.removeprefix(PROMPT))
        shown = shown[len(START.splitlines()) - 1 : -1]
        assert [alike(line) for line in shown] == [alike(line) for line in WORK.splitlines()]
        assert alike(telnet.read()) == alike(NEWS)
    finally:
        telnet.end()
