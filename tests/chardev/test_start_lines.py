"""Every command line that QEMU has an opinion on: what is said of it, by us and by QEMU."""

from pathlib import Path

import pytest

from tests.chardev.command_line import LINES, say
from tests.starts import Place, ask_all, read_cases, record, resolve_offline, sample, write_cases


async def test_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", resolve_offline)
    expected = read_cases(LINES)
    found = {}
    for number, words in enumerate(expected):
        with Place(tmp_path / str(number)) as place:
            monkeypatch.chdir(place.folder)
            found[words] = await say(words, place)
    assert found == expected


@pytest.mark.real
@pytest.mark.terminal
def test_recording_a_few(tmp_path: Path, recorded_qemu: str) -> None:
    expected = sample(read_cases(LINES), 4)
    write_cases(tmp_path / "lines", {words: [] for words in expected})
    record(tmp_path / "lines", recorded_qemu)
    assert read_cases(tmp_path / "lines") == expected


@pytest.mark.real
@pytest.mark.terminal
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_qemu(tmp_path: Path, recorded_qemu: str) -> None:
    expected = read_cases(LINES)
    assert ask_all(recorded_qemu, expected, tmp_path) == expected
