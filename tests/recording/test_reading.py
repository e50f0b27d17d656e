"""The reading of a transcript's file."""

import os
from pathlib import Path
from threading import Thread

import pytest

from qmpeer import limits
from qmpeer.errors import TranscriptError
from qmpeer.recording import read_transcript
from qmpeer.transcript import Line, Sender


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("# a\n-> {}\n")
    for given in (path, str(path)):
        transcript = read_transcript(given)
        assert transcript.sections[0].entries == (Line(Sender.CLIENT, b"{}\n"),)
        assert transcript.name == str(path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("# a\n-> {}\n=> {}\n")
    with pytest.raises(TranscriptError) as caught:
        read_transcript(path)
    assert str(caught.value).startswith(f"{path}:3: found '=> {{}}', expected ")
    assert (caught.value.name, caught.value.line) == (str(path), 3)


def test_a_file_of_a_gibibyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(TranscriptError) as caught:
        read_transcript(path)
    assert str(caught.value) == f"{path}: found more than 268435456 bytes, expected no more"
    assert caught.value.line == 0


def test_a_pipe_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_SIZE", 100_000)
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with pytest.raises(BrokenPipeError), path.open("wb", buffering=0) as file:
            while True:
                file.write(b"-> {}\n" * 1000)

    writer = Thread(target=write)
    writer.start()
    with pytest.raises(TranscriptError, match="found more than 100000 bytes"):
        read_transcript(path)
    writer.join()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_transcript(tmp_path / "t.txt")
    with pytest.raises(IsADirectoryError):
        read_transcript(tmp_path)
