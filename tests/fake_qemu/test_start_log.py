"""The log of starts: numbers, ends, blanked secrets, a bound."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.fake_qemu.start_log import log_end, log_start, read_starts


def test_starts_and_their_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = str(tmp_path / "log")
    assert list(read_starts(log)) == []
    assert log_start(log, ["q", "-S"], {"B": "secret", "A": ""}) == 1
    assert log_start(log, ["q"], {}) == 2
    log_end(log, 1, 3, None, ["not recorded: stop"])
    first, second = read_starts(log)
    assert first.argv == ["q", "-S"]
    assert first.cwd == str(tmp_path)
    assert first.pid == os.getpid()
    assert first.environment == ["A", "B"]
    assert (first.status, first.signal, first.mismatches) == (3, None, ["not recorded: stop"])
    assert (second.status, second.signal, second.mismatches) == (None, None, ())
    assert "secret" not in Path(log).read_text()


def test_each_of_many_starts_has_a_number_of_its_own(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: log_start(log, ["q"], {}), range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert [json.loads(line)["start"] for line in Path(log).read_text().splitlines()] == sorted(
        numbers
    )


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("-object secret,id=s,data=geheim", "-object secret,id=s,data=<redacted>"),
        ("--object secret,data=ge,,heim,id=s", "--object secret,data=<redacted>,id=s"),
        (
            '-object {"qom-type":"secret","id":"s","data":"geheim"}',
            '-object {"qom-type": "secret", "id": "s", "data": "<redacted>"}',
        ),
        ("-object memory-backend-ram,id=m,size=1G", "-object memory-backend-ram,id=m,size=1G"),
        ('-device {"driver":"e1000","id":"n0"}', '-device {"driver":"e1000","id":"n0"}'),
        ('-object {"qom-type":"secret","data":"geheim"', "-object <redacted>"),
        ("-device {password=geheim", "-device {password=<redacted>"),
        ("-spice port=0,password=geheim", "-spice port=0,password=<redacted>"),
        ("http://me:geheim@host/disk", "http://me:<redacted>@host/disk"),
        ("-qmp unix:/run/vm.qmp,server=on", "-qmp unix:/run/vm.qmp,server=on"),
        ("-S", "-S"),
    ],
)
def test_secrets_are_blanked(tmp_path: Path, line: str, kept: str) -> None:
    log = str(tmp_path / "log")
    log_start(log, ["q", *line.split(" ", 1)], {})
    (start,) = read_starts(log)
    assert " ".join(start.argv) == f"q {kept}"


def test_a_log_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAKE_QEMU_LOG", 10)
    log = str(tmp_path / "log")
    assert [log_start(log, ["q"], {}) for _ in range(3)] == [1, 0, 0]
    assert len(list(read_starts(log))) == 1


def test_a_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    log = str(tmp_path / "log")
    log_start(log, ["q"], {})
    assert next(read_starts(log)).cwd == ""
