"""The option --install-emulator of qmpeer proxy: what it writes, and what it refuses.

Modules: proxy_command, proxy_options, proxy_process.
"""

from pathlib import Path

import pytest

from qmpeer.cli.main import main

PLACE = "unix:/run/qmpeer/%n.qmp,server=on,wait=off"


def test_it_installs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    qemu, emulator = tmp_path / "qemu", tmp_path / "emulator"
    qemu.write_text("#!/bin/sh\necho QEMU 11\n")
    qemu.chmod(0o755)
    words = ["--install-emulator", str(emulator), "--qemu", str(qemu), "--or-direct"]
    assert main(["proxy", *words, "--window", "2", "-qmp", PLACE]) == 0
    assert capsys.readouterr().out == f"{emulator}: QEMU 11\n"
    _, _, command = emulator.read_text().splitlines()
    assert command.endswith(
        f"--qemu {qemu} --or-direct --window 2 -qmp {PLACE} -- \"$@\""
    )  # fmt: skip


def test_it_warns_of_closed_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o700)
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho QEMU 11\n")
    qemu.chmod(0o755)
    words = ["--install-emulator", f"{tmp_path}/e", "--qemu", str(qemu), "-qmp", PLACE]
    assert main(["proxy", *words]) == 0
    warning = capsys.readouterr().err
    assert warning.startswith(f"qmpeer proxy: warning: --install-emulator {tmp_path}/e: ")
    assert str(tmp_path) in warning


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-qmp", PLACE], "--install-emulator ./e: expected --qemu, too, with the path of the"),
        (["--qemu"], "--qemu: requires an argument"),
        (["--qemu", "/q"], "--install-emulator: no option opens a monitor for other clients, exp"),
        (["--qemu", "q", "-qmp", PLACE], "./e: found the QEMU 'q', expected its full path"),
        (["--qemu", "/q", "-qmp", PLACE, "-daemonize"], "-daemonize: an emulator can't have this"),
        (["--qemu", "/q", "-qmp", PLACE, "--until-eof"], "--until-eof: an emulator can't have"),
        (["--qemu", "/q", "-qmp", PLACE, "--persist"], "--persist: ADDRESS is a descriptor"),
        (["--qemu", "/q", "-qmp", PLACE, "--reconnect"], "--reconnect: ADDRESS is"),
        (["--qemu", "/q", "-qmp", PLACE, "--take-over"], "--take-over: found 'fd:3', expected"),
        (["--qemu", "/q", "-qmp", PLACE, "--", "true"], "-- COMMAND: an emulator can't have this"),
        (["--qemu", "/q", "-qmp", PLACE, "--help"], "--help: an emulator can't have this option"),
        (["--qemu", "/q", "-qmp", PLACE, "vm.qmp"], "vm.qmp: there is an ADDRESS already"),
        (["--qemu", "/q", "-qmp", "unix:/r,server=on"], "expected wait=off"),
        (["--qemu", "/q", "-qmp", "unix:r,server=on,wait=off"], "expected a path that begins"),
        (["--qemu", "/q", "-qmp", "unix:/%s,server=on,wait=off"], "found '%s' in 'unix:/%s"),
        (["--qemu", "/q", "-qmp", PLACE, "--nosuch"], "--nosuch: invalid option"),
    ],
)  # fmt: skip
def test_what_it_refuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    error: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["proxy", "--install-emulator", "./e", *words]) == 2
    assert error in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--install-emulator"]) == 2
    assert capsys.readouterr().err == "qmpeer proxy: --install-emulator: requires an argument\n"
