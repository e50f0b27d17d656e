"""Manual pages: complete, and formatted by man without warnings.

Modules: man_command.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qmpeer.cli.grammar import usages
from qmpeer.cli.main import SUBCOMMANDS, main
from qmpeer.cli.man_pages import man_pages
from tests.patience import PATIENCE

PAGES = man_pages()


def test_one_for_each() -> None:
    names = {"qmp-shell" if name == "shell" else f"qmpeer-{name}" for name in SUBCOMMANDS}
    assert PAGES.keys() == {"qmpeer.1", *(f"{name}.1" for name in names)}


def test_how_many_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "-o", str(tmp_path)]) == 0
    assert main(["man", "--help"]) == 0
    written, *help = capsys.readouterr().out.splitlines()
    assert f"  {written.partition(' in ')[0]} in /home/me/.local/share/man/man1" in help


def test_all_options_are_there() -> None:
    for usage in usages():
        name = "qmp-shell" if usage.key == "shell" else f"qmpeer-{usage.words[0]}"
        for option in usage.options:
            for flag in option.flags:
                assert flag.replace("-", "\\-") in PAGES[f"{name}.1"], (name, flag)


@pytest.mark.real
@pytest.mark.parametrize("name", PAGES)
def test_man_reads_them(name: str, program: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(PAGES[name], encoding="utf-8")
    done = subprocess.run(
        [program("man"), "--warnings", "-l", str(tmp_path / name)],
        env={**os.environ, "MANWIDTH": "110", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SYNOPSIS" in done.stdout
    assert "\n.\n" not in done.stdout


@pytest.mark.real
def test_what_it_looks_like(program: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "x.1").write_text(PAGES["qmpeer-jobs.1"], encoding="utf-8")
    done = subprocess.run(
        [program("man"), "-l", str(tmp_path / "x.1")],
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "GROFF_NO_SGR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    text = done.stdout
    assert "qmpeer-jobs - show the progress of a server's jobs and of its migration" in text
    assert "qmpeer jobs [-h] [--json] [--timeout S] [--wait] ADDRESS [ID ...]" in text
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads[1:-1] == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLE", "EXIT STATUS", "SEE ALSO",
    ]  # fmt: skip
    assert "         $ qmpeer jobs /run/vm.qmp --wait\n" in text


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man", "-o", str(tmp_path / "man1")]) == 0
    assert capsys.readouterr().out == f"{len(PAGES)} files in {tmp_path}/man1\n"
    assert {path.name for path in (tmp_path / "man1").iterdir()} == PAGES.keys()
