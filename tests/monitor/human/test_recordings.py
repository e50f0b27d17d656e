"""Recorded sessions of QEMU 7.2, replayed at our human monitor.

Lines are compared word by word. Keys are compared by the screen that results: QEMU writes the whole
line at every key, ours the difference.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.monitor import Monitor
from qmpeer.transcript import Line, Section, Sender, parse_transcript
from tests.monitor.human.qemus_commands import monitor_like_qemu
from tests.monitor.human.terminal import PROMPT, Screen, Terminal


def cases(name: str) -> tuple[Section, ...]:
    return parse_transcript(Path(__file__).with_name(name).read_text("ascii")).sections


def turns(case: Section) -> Iterator[tuple[bytes, bytes]]:
    """Yield each input with its output."""
    said, answer = b"", b""
    for line in case.entries:
        assert isinstance(line, Line)
        if line.sender is Sender.CLIENT:
            if said:
                yield said, answer
            said, answer = line.data, b""
        else:
            answer += line.data
    yield said, answer


LINES = cases("lines.txt")
KEYS = cases("keys.txt")


@pytest.fixture(scope="module")
def monitor() -> Monitor:
    return monitor_like_qemu()


@pytest.mark.parametrize("case", LINES, ids=[case.title for case in LINES])
def test_a_line_prints_what_qemu_prints(case: Section) -> None:
    monitor = monitor_like_qemu()  # the last format is remembered
    for said, answer in turns(case):
        assert monitor.run_human(said.decode().removesuffix("\n")) == answer.decode()


@pytest.mark.parametrize("chunk", [1, 3, 10_000])
@pytest.mark.parametrize("case", KEYS, ids=[case.title for case in KEYS])
def test_keys_show_what_they_show_on_qemu(case: Section, chunk: int, monitor: Monitor) -> None:
    terminal, qemu = Terminal(monitor), Screen()
    qemu.feed(b"banner\r\n" + PROMPT.encode())
    for keys, written in turns(case):
        for start in range(0, len(keys), chunk):
            terminal.press(keys[start : start + chunk])
        qemu.feed(written)
        assert terminal.screen.rows == qemu.rows
        assert terminal.screen.cursor == qemu.cursor


def test_there_are_enough_of_them() -> None:
    assert sum(len(list(turns(case))) for case in LINES) > 150
    assert sum(len(list(turns(case))) for case in KEYS) > 100
