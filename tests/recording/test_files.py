"""The files of recordings: private, whole lines, one writer."""

import errno
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.recording import Recording, open_private, read_transcript
from qmpeer.recording.text_file import TextFile


def test_private(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch(0o664)
    os.close(open_private(str(path)))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_device_keeps_its_mode() -> None:
    mode = os.stat("/dev/null").st_mode
    os.close(open_private("/dev/null"))
    assert os.stat("/dev/null").st_mode == mode


def test_a_pipe_without_a_reader_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f")
    with pytest.raises(OSError) as caught:
        TextFile(str(tmp_path / "f"))
    assert caught.value.errno == errno.ENXIO


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        TextFile(str(tmp_path))


def test_one_recording_at_a_time(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    file = TextFile(path)
    with pytest.raises(OSError) as caught:
        TextFile(path)
    assert str(caught.value) == (
        f"[Errno {errno.EBUSY}] another recording is being written to it: '{path}'"
    )
    file.close()
    TextFile(path).close()


def test_a_device_without_space(recwarn: pytest.WarningsRecorder) -> None:
    file = TextFile("/dev/full")
    file.write("a\n")
    assert file.failure is not None
    assert file.failure.errno == errno.ENOSPC
    file.write("b\n")
    file.close()
    file.write("c\n")


def test_a_recording_that_cannot_begin_is_one_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        Recording.open("/dev/full")
    assert not caplog.records


def test_a_file_ends_before_it_is_too_long_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TRANSCRIPT_SIZE", 12)
    path = tmp_path / "f"
    file = TextFile(str(path))
    for line in ("-> {}\n", "<- {}\n", "-> {}\n"):
        file.write(line)
    assert file.failure is not None
    assert file.failure.errno == errno.EFBIG
    file.close()
    assert path.read_text() == "-> {}\n<- {}\n"
    assert read_transcript(path).sections


def test_a_forgotten_file_is_closed(tmp_path: Path) -> None:
    path = str(tmp_path / "f")
    TextFile(path)
    gc.collect()
    TextFile(path).close()


@pytest.mark.parametrize("options", [[], ["-W", "error"]])
def test_without_logging_the_failure_is_a_warning(options: list[str]) -> None:
    program = (
        "import sys; from qmpeer.recording.text_file import TextFile\n"
        "assert 'logging' not in sys.modules\n"
        "file = TextFile('/dev/full'); file.write('a'); file.write('b'); print('alive')"
    )
    ran = subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == "alive\n"
    said = ran.stderr.count("the recording in /dev/full is incomplete: No space left on device")
    assert said == (0 if options else 1)
