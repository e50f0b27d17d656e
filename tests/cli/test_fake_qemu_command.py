"""The subcommand fake-qemu: what it installs and records, and what it refuses."""

from pathlib import Path

import pytest

from qmpeer.cli.main import main


def test_it_installs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--install", str(tmp_path / "bin"), "--name", "qemu-kvm", "--log", f"{tmp_path}/log"]
    assert main(["fake-qemu", *words]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/bin/qemu-kvm\n", "")
    assert (tmp_path / "log").exists()


def test_it_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho answer to $*\n")
    qemu.chmod(0o755)
    words = ["--record", str(qemu), "-o", f"{tmp_path}/a.toml", "--ask", "-device e1000,help"]
    assert main(["fake-qemu", *words]) == 0
    assert capsys.readouterr() == (f"{tmp_path}/a.toml\n", "")
    assert "answer to -device e1000,help\n" in (tmp_path / "a.toml").read_text()


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        ([], 2, "expected either --install DIR or --record QEMU"),
        (["--install", "d", "--record", "q"], 2, "expected either --install DIR or --record QEMU"),
        (["--install", "d", "-o", "f"], 2, "found -o or --ask, which belong to --record QEMU"),
        (["--record", "q"], 2, "found no -o FILE, expected one for the answers"),
        (["--record", "./nosuch", "-o", "f"], 2, "./nosuch: No such file or directory"),
        (["--install", "d", "--name", "a/b"], 2, "found the name 'a/b', expected one such as "),
        (["--install", "d", "--script", "s.toml"], 1, "s.toml:1: found 'x', expected version, "),
        (["--install", "d", "--script", "nosuch"], 2, "nosuch: No such file or directory"),
        (["--install", "s.toml"], 2, "s.toml: File exists"),
    ],
)  # fmt: skip
def test_mistakes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    error: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text("process.x = 1\n")
    assert main(["fake-qemu", *words]) == status
    shown = capsys.readouterr().err.replace(f"{tmp_path}/", "")
    assert shown.startswith(f"qmpeer fake-qemu: {error}")
    assert shown.count("\n") == 1
