import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmpeer.errors import CommandError
from qmpeer.machine.blkdebug_config import ConfigReader
from tests.patience import PATIENCE


@pytest.fixture
def reader() -> Iterator[ConfigReader]:
    reader = ConfigReader(os.open)
    yield reader
    reader.close()


class Reading(threading.Thread):
    """A thread that reads, as a blocking handler does."""

    def __init__(self, reader: ConfigReader, path: Path) -> None:
        super().__init__(daemon=True)
        self.error: CommandError | None = None
        self._reader = reader
        self._path = path
        self.start()

    def run(self) -> None:
        try:
            self._reader.read(str(self._path))
        except CommandError as error:
            self.error = error

    def end(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive()


def open_writer(path: Path) -> int:
    """Open the write end of a FIFO; this waits until there is a reader."""
    return os.open(path, os.O_WRONLY)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    "text",
    ["", "\n# nothing\n", '[inject-error]\nevent = "read_aio"\n', '[set-state "a"]\nx="1"'],
    ids=repr,
)
def test_rules(reader: ConfigReader, tmp_path: Path, text: str) -> None:
    (tmp_path / "rules").write_text(text)
    reader.read(str(tmp_path / "rules"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("host\n", "no group defined"),
        ("[other]\n", "There is no option group 'other'"),
        ("[inject-error]\nevent = read_aio\n", ":2: parse error"),
    ],
)
def test_what_is_no_file_of_rules(
    reader: ConfigReader, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "rules").write_text(text)
    with pytest.raises(CommandError, match=reason):
        reader.read(str(tmp_path / "rules"))


def test_no_file(reader: ConfigReader, tmp_path: Path) -> None:
    text = "Could not read blkdebug config file: No such file or directory"
    with pytest.raises(CommandError, match=text):
        reader.read(str(tmp_path / "none"))


def test_a_folder(reader: ConfigReader, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Could not read blkdebug config file: Is a directory"):
        reader.read(str(tmp_path))


def test_a_fifo_is_read_to_its_end(reader: ConfigReader, fifo: Path) -> None:
    reading = Reading(reader, fifo)
    writer = open_writer(fifo)
    os.write(writer, b"[other]")
    assert reading.is_alive()
    os.close(writer)

    reading.end()
    assert reading.error is not None


def test_a_fifo_that_is_opened_and_closed(reader: ConfigReader, fifo: Path) -> None:
    reading = Reading(reader, fifo)
    os.close(open_writer(fifo))

    reading.end()
    assert reading.error is None


def test_closing_ends_the_wait(fifo: Path) -> None:
    reader = ConfigReader(os.open)
    reading = Reading(reader, fifo)
    writer = open_writer(fifo)  # from here on the reader waits
    reader.close()

    reading.end()
    os.close(writer)
    assert reading.error is not None


def test_no_descriptor_stays_when_a_reader_is_gone() -> None:
    reader = ConfigReader(os.open)
    ends = (reader._wake_read, reader._wake_write)
    reader.close()
    del reader
    gc.collect()
    for fd in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
