"""The program at different terminals: plain, narrow, without UTF-8."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.shell.real_servers import ENVIRONMENT, OURS, SHELL, listening

COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7]|4[0-7]|38|48)[0-9;]*m")
SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07|[=>])|\r")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with listening(OURS, tmp_path_factory.mktemp("ours") / "qmp") as path:
        yield path


class Seat:
    """A terminal that runs the program."""

    def __init__(self, path: Path, home: Path, columns: int = 80, **variables: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**ENVIRONMENT, "TERM": "xterm-256color", "XDG_STATE_HOME": str(home)}
        environment.pop("NO_COLOR", None)
        self._process = subprocess.Popen(
            [*SHELL, str(path)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, **variables},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = b""

    def __enter__(self) -> "Seat":
        self.shows(">")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        return SEQUENCE.sub("", self.seen.decode("latin-1"))

    def types(self, data: bytes) -> None:
        os.write(self._master, data)

    def shows(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            remaining = deadline - time.monotonic()
            assert remaining > 0, self.text
            if select.select([self._master], [], [], remaining)[0]:
                data = os.read(self._master, 65536)
                for _ in range(data.count(b"\x1b[6n")):
                    os.write(self._master, b"\x1b[1;1R")
                self.seen += data


def test_colours(server: Path, tmp_path: Path) -> None:
    with Seat(server, tmp_path) as seat:
        seat.types(b"query-version\r")
        seat.shows("package")
        assert COLOUR.search(seat.seen.decode())


def test_no_colours(server: Path, tmp_path: Path) -> None:
    with Seat(server, tmp_path, NO_COLOR="1") as seat:
        seat.types(b"query-version siez=1\r")
        seat.shows("is unexpected")
        seat.types(b"query-version\r")
        seat.shows("package")
        assert not COLOUR.search(seat.seen.decode())


def test_a_dumb_terminal(server: Path, tmp_path: Path) -> None:
    with Seat(server, tmp_path, TERM="dumb") as seat:
        seat.types(b"query-version\r")
        seat.shows("package")
        assert b"\x1b[3" not in seat.seen


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_utf_8(server: Path, tmp_path: Path, encoding: str) -> None:
    with Seat(server, tmp_path, PYTHONIOENCODING=encoding) as seat:
        seat.types(b'blockdev-add driver=null-co node-name="\\u00e9\\u2603"\r')
        seat.shows("'\\xe9\\u2603'" if encoding == "ascii" else "'\xe9\\u2603'")
        seat.types(b"query-name\r")
        seat.shows("{}")
        assert encoding != "ascii" or seat.seen.isascii()


def test_twenty_columns(server: Path, tmp_path: Path) -> None:
    with Seat(server, tmp_path, columns=20) as seat:
        seat.types(b"query-status siez=1\r")
        seat.shows("is\nunexpected")
        seat.types(b"query-stat\t\r")
        seat.shows('"running"')
