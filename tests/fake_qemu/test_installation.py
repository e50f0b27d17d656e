"""The installation of a fake: what it replaces, and what it refuses."""

import os
import subprocess
from pathlib import Path

import pytest

from qmpeer.errors import ScriptError, ScriptMismatch
from qmpeer.fake_qemu import FakeQemu
from qmpeer.fake_qemu.start_log import log_end, log_start
from tests.patience import PATIENCE


def test_a_fake_is_replaced_and_its_log_begins_anew(tmp_path: Path) -> None:
    first = FakeQemu.install(tmp_path / "bin")
    log_start(first.log, ["q"], {})
    assert len(first.starts) == 1
    second = FakeQemu.install(tmp_path / "bin")
    assert second.path == first.path == str(tmp_path / "bin" / "qemu-system-x86_64")
    assert second.starts == []
    assert os.access(second.path, os.X_OK)
    assert sorted(os.listdir(tmp_path / "bin")) == [
        "qemu-system-x86_64",
        "qemu-system-x86_64.starts.jsonl",
    ]


def test_the_environment_finds_it_first(tmp_path: Path) -> None:
    fake = FakeQemu.install(tmp_path, name="qemu-system-riscv64")
    found = subprocess.run(
        ["sh", "-c", "command -v qemu-system-riscv64"],
        env=fake.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert found.stdout == f"{fake.path}\n"


def test_a_program_of_others_stays(tmp_path: Path) -> None:
    path = tmp_path / "qemu-system-x86_64"
    path.write_text("#!/bin/sh\nexec qemu\n")
    with pytest.raises(ValueError, match=r"which is no program that a fake may replace$"):
        FakeQemu.install(tmp_path)
    assert path.read_text() == "#!/bin/sh\nexec qemu\n"


def test_a_file_of_others_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("important")
    with pytest.raises(ValueError, match=r"which is no log of starts$"):
        FakeQemu.install(tmp_path / "bin", log=tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "important"


@pytest.mark.parametrize("name", ["", "a/b", "a\0b"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected one such as 'qemu-system-x86_64'$"):
        FakeQemu.install(tmp_path, name=name)


def test_files_are_checked_first(tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    script.write_text("[[when]]\n")
    with pytest.raises(ScriptError, match=r"s\.toml:1: found a rule that does nothing"):
        FakeQemu.install(tmp_path / "bin", script=script)
    script.write_text("[process]\n\nfaults = ['cutt']\n")
    with pytest.raises(ScriptError, match=r"s\.toml:3: found an unknown fault 'cutt'"):
        FakeQemu.install(tmp_path / "bin", script=script)
    script.write_text("[proces]\nversion = '1'\n")
    with pytest.raises(
        ScriptError, match=r"s\.toml:1:2: found the key 'proces', expected one of .*"
    ):
        FakeQemu.install(tmp_path / "bin", script=script)
    script.write_text("[[on]]\ncommand = 1\n")
    with pytest.raises(
        ScriptError, match=r"s\.toml:2:11: on\[0\]\.command: found 1, expected a text$"
    ):
        FakeQemu.install(tmp_path / "bin", script=script)
    script.write_text("[process]\nreplay = 'nosuch.txt'\n")
    with pytest.raises(FileNotFoundError, match=r"nosuch\.txt"):
        FakeQemu.install(tmp_path / "bin", script=script)
    for settings in ({"script": "nosuch"}, {"answers": "nosuch"}, {"replay": "nosuch"}):
        with pytest.raises(FileNotFoundError):
            FakeQemu.install(tmp_path / "bin", **settings)
    assert not (tmp_path / "bin" / "qemu-system-x86_64").exists()


def test_verify(tmp_path: Path) -> None:
    fake = FakeQemu.install(tmp_path)
    fake.verify()
    log_end(fake.log, log_start(fake.log, ["q"], {}), 0, None, ["first"])
    log_end(fake.log, log_start(fake.log, ["q"], {}), 0, None, ["second"])
    with pytest.raises(ScriptMismatch) as caught:
        fake.verify()
    assert caught.value.mismatches == ("first", "second")
