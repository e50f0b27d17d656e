"""The golden files of starts, and the functions that write them."""

from pathlib import Path

import pytest

from tests.starts import (
    FILES,
    Place,
    WrongReleaseError,
    read_cases,
    record,
    sample,
    write_cases,
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_files_are_as_they_are_written(path: Path, tmp_path: Path) -> None:
    write_cases(tmp_path / "lines", read_cases(path))
    assert (tmp_path / "lines").read_text() == path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_every_kind_of_answer_is_in_a_sample(path: Path) -> None:
    cases = read_cases(path)
    chosen = sample(cases, 4)
    assert len(chosen) < 20
    assert {said[-1] for said in chosen.values()} == {said[-1] for said in cases.values()}
    assert any(said[0].startswith("| ") for said in chosen.values())


def test_what_a_place_is_called(tmp_path: Path) -> None:
    words = ("-a", "DIR/x y", "tcp:127.0.0.1:PORT")
    with Place(tmp_path / "here") as place:
        option, path, port = place.put(words)
        whole = f"{option} {path} {port}"
        err = f"{whole}: no\n-a {path}: no\n/dev/pts/12 {port}0\nSee below.\n"
        assert path == f"{tmp_path}/here/x y"
        assert place.said(words, err, f"{path}\n\n", 1) == [
            "@: no",
            "-a DIR/x y: no",
            f"PTS {port}0",
            "See below.",
            "| DIR/x y",
            "| ",
            "-> 1",
        ]


def test_output_that_comes_again_is_written_once(tmp_path: Path) -> None:
    output = ["| a", "| b", "|  c", "| d", "-> 0"]
    cases = {("-x",): output, ("-y", "z a"): ["e", *output], ("-w",): ["-> starts"]}
    write_cases(tmp_path / "lines", cases)
    assert "-y 'z a'\n    e\n    = -x\n    -> 0\n" in (tmp_path / "lines").read_text()
    assert read_cases(tmp_path / "lines") == cases


def test_another_release_records_nothing(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("-foo\n    -> 1\n")
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho QEMU emulator version 10.0.2\n")
    qemu.chmod(0o755)
    with pytest.raises(WrongReleaseError, match=r"QEMU 7\.2's, and .*/qemu is QEMU 10\.0$"):
        record(tmp_path / "lines", str(qemu))
    assert (tmp_path / "lines").read_text() == "-foo\n    -> 1\n"
