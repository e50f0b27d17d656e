"""The same keys at our human monitor and at a real QEMU's; the screens must be the same.

Only keys whose effect doesn't depend on the set of commands are typed: completion is limited to
commands that both have.
"""

import random
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from qmpeer import Client, limits
from qmpeer.monitor import Monitor
from tests.monitor.human.terminal import PROMPT, Screen, Terminal
from tests.patience import PATIENCE
from tests.qemu import BASE, QEMU

pytestmark = pytest.mark.real

BANNER = re.compile(rb"QEMU [0-9.]+ monitor - type 'help' for more information\r\n")
SHOWN = PROMPT.encode()
CLEAR = b"\x0c"
CLEARED = b"\x1b[2J\x1b[1;1H"


class Qemu:
    """A QEMU without a machine, its human monitor and its QMP on socket pairs."""

    def __init__(self, path: str) -> None:
        self.human, human = socket.socketpair()
        self.control, control = socket.socketpair()
        self.human.settimeout(PATIENCE)
        options = [
            *BASE,
            *("-chardev", f"socket,id=h,fd={human.fileno()}", "-mon", "chardev=h"),
            *("-chardev", f"socket,id=c,fd={control.fileno()}"),
            *("-mon", "chardev=c,mode=control"),
        ]
        with human, control:
            self.process = subprocess.Popen(
                [path, *options],
                stdin=subprocess.DEVNULL,
                pass_fds=(human.fileno(), control.fileno()),
            )
        self._left = bytearray()
        self.banner = self._receive_until(SHOWN).removesuffix(SHOWN)

    def press(self, keys: bytes) -> bytes:
        """Press keys, then ^L; return the output before the screen was cleared."""
        self.human.sendall(keys + CLEAR)
        return self._receive_until(CLEARED).removesuffix(CLEARED)

    def _receive_until(self, end: bytes) -> bytes:
        start = 0
        while (at := self._left.find(end, start)) < 0:
            start = max(len(self._left) - len(end), 0)
            more = self.human.recv(1 << 16)
            assert more, self._left[-1000:]
            self._left += more
        at += len(end)
        data = bytes(self._left[:at])
        del self._left[:at]
        return data

    def end(self) -> None:
        self.human.close()
        self.control.close()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()


class Pair:
    """Our monitor and QEMU's, with the actions done at both."""

    def __init__(self, path: str) -> None:
        self.qemu = Qemu(path)
        self.monitor = Monitor(version=(7, 2, 0))
        self.terminal = Terminal(self.monitor)

    def press(self, *together: bytes) -> None:
        """Press keys at both, each argument at once, beginning with an empty line and screen."""
        theirs, ours = Screen(1200), self.terminal
        self.qemu.press(b"")
        ours.screen = Screen(1200)
        ours.press(CLEAR)
        for keys in (*together, b"", b"\r", b""):
            theirs.feed(self.qemu.press(keys))
            ours.press(keys)
            assert ours.screen.rows == theirs.rows, keys
            assert ours.screen.cursor == theirs.cursor, keys
            theirs.feed(CLEARED)
            ours.press(CLEAR)


@pytest.fixture
def pair(program: Callable[[str], str]) -> Iterator[Pair]:
    pair = Pair(program(QEMU))
    yield pair
    pair.qemu.end()


@pytest.fixture(scope="module")
def used(program: Callable[[str], str]) -> Iterator[Pair]:
    """Return a pair that was used before; both have the same history and the same last format."""
    pair = Pair(program(QEMU))
    yield pair
    pair.qemu.end()


LINES = [
    *("p 1+2*3", "p/x 255", "print /d -7/2", "p (1", "p 1/0", "p abc", "p $nope", "p ((2)+1)*3)"),
    *("p 'a", "p '\\''", "p 08", "p 0xg", "p 18446744073709551616", "p ~-1 ^ 3 | 4 & 6"),
    *("p /c 10", "p/z 1", "p /2x3 1", "p 5", "p /xz 1", "p 5", "p", "p /d", "p 1 2", " p\x0b1"),
    *("bogus", " bogus x", "info bogus more", "info/x y", "?x", "P 1", '"p" 1', "x" * 300),
    *(
        "help print",
        "? p",
        "help ?",
        "help bogus x",
        'help "print',
        'help "print" y',
        "help info x",
    ),
    *("info history x", "help info history", "p " + "(" * 50 + "1" + ")" * 50),
]
DEEP = "p " + "(" * 500 + "1" + ")" * 500
"""Typed, QEMU would write half a million bytes of it."""
KEYS = [
    *(
        b"hist\x1b[D\x1b[DX",
        b"abc\x01Y\x05Z\x02\x03\x0b",
        b"one two  \x17\x17",
        b"abc\x7f\x08\x04",
    ),
    *(
        b"ab\x1b[D\x04c\x1b[3~",
        b"\x1bOHa\x1bOFb\x1b[1~c\x1b[4~d",
        b"\x1b[15~a\x1b[1;5Db\x1bxc\x9bDd",
    ),
    *(
        b"\x1b[3~ab\x1b[D\x9b~",
        b"\x1b[A\x1b[A\x1b[B",
        b"p 7\r\n\x1b[A+1\r",
        b"\x1b[F\x1b[E\x1b[F\x1b[F",
    ),
    *(
        b"pri\t1\r",
        b"info his\t",
        b"help pri\t",
        b"zzz\t",
        b"zz pri\x1b[D\x1b[D\t",
        b'"info" his\t',
    ),
    *(b"print \t", b"inf hist\t", b"info  histX\x1b[D\t", b"info hist\t\t\r", b"p 1 \t2\r"),
]


def test_the_banner(used: Pair) -> None:
    assert BANNER.fullmatch(used.qemu.banner)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:30])
def test_lines_print_the_same(used: Pair, line: str) -> None:
    used.press(line.encode() + b"\r")


@pytest.mark.parametrize("keys", KEYS, ids=repr)
def test_keys_show_the_same(used: Pair, keys: bytes) -> None:
    used.press(keys)


@pytest.mark.parametrize(
    ("keys", "in_qemu_10"),
    [
        pytest.param(b"\x15", "(qemu) Xf", id="control-U deletes to the left"),
        pytest.param(b"\x10", "(qemu) p 1X", id="control-P is the line before"),
        pytest.param(b"\x10\x10\x0e", "(qemu) p 1X", id="control-N is the line behind"),
    ],
)
def test_keys_that_qemu_10_has_besides(
    pair: Pair, qemu_version: tuple[int, int], keys: bytes, in_qemu_10: str
) -> None:
    before = b"p 2\rp 1\r", b"ab cd ef\x1b[D" + keys + b"X"
    if qemu_version < (10, 0):
        pair.press(*before)
        return
    for together in before:
        pair.qemu.press(together)
    screen = Screen(1200)
    screen.feed(pair.qemu.press(b""))
    assert screen.rows == [in_qemu_10]


def test_a_line_ends_where_the_buffer_does(pair: Pair) -> None:
    """The entered line is compared, not the screen: QEMU writes 33 MB.

    Nothing is inserted before the end of a full line: QEMU writes behind its buffer then.
    """
    keys = b"y" * (limits.HUMAN_LINE - 10) + b"8" * 100 + b"\x7f\x7fabc\x01\x04d\r"
    said = pair.qemu.press(keys).removesuffix(SHOWN).rpartition(b"\r\nunknown")[2]
    ours = pair.terminal.press(keys).removesuffix(SHOWN).rpartition(b"\r\nunknown")[2]
    assert ours == said
    assert len(said) == len(" command: ''\r\n") + limits.HUMAN_LINE


def test_a_full_history(pair: Pair) -> None:
    """Repeated lines, typed and from the history, before it is full and afterwards."""
    pair.press(b"".join(b"p %d\r" % number for number in range(limits.HUMAN_HISTORY - 1)))
    for keys in (b"p 3", b"new", b"\x1b[A", b"\x1b[A\r\x1b[A", b"\x1b[A\x1b[A", b"\x1b[A\x1b[B"):
        pair.press(keys)
    pair.press(b"\x1b[A" * (limits.HUMAN_HISTORY + 5), b"\x1b[B" * (limits.HUMAN_HISTORY + 5))
    pair.press(b"info history\r")


def test_any_keys(pair: Pair) -> None:
    """Press random keys, the same ones in every run."""
    keys = [
        *(
            b"\x01",
            b"\x05",
            b"\x04",
            b"\x7f",
            b"\x17",
            b"\x1b[D",
            b"\x1b[C",
            b"\x1b[A",
            b"\x1b[B",
            b"\r",
        ),
        *(
            b"p 1",
            b"p 2",
            b"bogus ",
            b"  ",
            b"+3",
            b"\x1b[3~",
            b"\x9b4~",
            b"\x1b[[",
            b"\x00",
            b"info his\t",
        ),
    ]
    walk = random.Random(7)
    pair.press(*(b"".join(walk.choices(keys, k=8)) + b"\x00" for _ in range(150)))


def test_programs_get_the_same(pair: Pair) -> None:
    with Client.connect(pair.qemu.control) as vm:
        for line in (*LINES, DEEP, "p/x 1", "", " ", "info history", "p 1\np 2", 'help "a\tb"'):
            theirs = vm.execute("human-monitor-command", {"command-line": line})
            assert pair.monitor.run_human(line) == theirs, line
