"""Command lines with character devices: our output against QEMU's."""

from pathlib import Path

import pytest

from tests.chardev.command_line import LINES, say
from tests.starts import (
    Cases,
    Place,
    ask_all,
    read_cases,
    record,
    resolve_offline,
    sample,
    without_terminals,
    write_cases,
)

CASES = read_cases(LINES)
USUAL = without_terminals(CASES)


async def said_by_us(cases: Cases, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cases:
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("socket.getaddrinfo", resolve_offline)
    found = {}
    for number, words in enumerate(cases):
        with Place(folder / str(number)) as place:
            monkeypatch.chdir(place.folder)
            found[words] = await say(words, place)
    return found


async def test_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await said_by_us(USUAL, tmp_path, monkeypatch) == USUAL


@pytest.mark.terminal
async def test_ours_with_terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {words: said for words, said in CASES.items() if words not in USUAL}
    assert expected
    assert await said_by_us(expected, tmp_path, monkeypatch) == expected


@pytest.mark.real
@pytest.mark.terminal
def test_recording_a_few(tmp_path: Path, recorded_qemu: str) -> None:
    expected = sample(CASES, 4)
    write_cases(tmp_path / "lines", {words: [] for words in expected})
    record(tmp_path / "lines", recorded_qemu)
    assert read_cases(tmp_path / "lines") == expected


@pytest.mark.real
@pytest.mark.terminal
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_qemu(tmp_path: Path, recorded_qemu: str) -> None:
    assert ask_all(recorded_qemu, CASES, tmp_path) == CASES
