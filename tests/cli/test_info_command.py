"""``qmpeer info``: summaries of real servers, and of servers that are not QEMU."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError
from qmpeer.cli.main import main
from tests.cli.programs import at_terminal
from tests.cli.scripted_server import Scripted

REFUSED = CommandError("GenericError", "not now")


def info(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["info", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.real
def test_a_machine(qemu: str, disks: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    first, *rest = info(capsys, qemu).splitlines()

    assert first.startswith("QEMU ")
    assert first.endswith(" is prelaunch")
    lines = "\n".join(rest)
    assert lines.startswith(
        "name        vm one\nuuid        11111111-2222-3333-4444-555555555555\nmachine     pc-q35-"
    )
    assert "x86_64, no KVM\nCPUs        2 × qemu64 (2 " in lines
    assert "\nmemory      64 MiB\n" in lines
    table = lines[lines.index("disks ") :].splitlines()[:3]
    found = {row[12:].split()[0]: row for row in table}
    assert found.keys() == {"second", "cd", "disk0"}
    assert f"  {disks[1]} (read-only, over {disks[2]})" in found["second"]
    assert found["cd"].endswith("(empty)")
    assert "  qcow2  64 MiB, " in found["disk0"]
    assert "\nNICs        nic0  virtio-net-pci  52:54:00:12:34:56  net0 (user)\n" in lines
    assert f"\nchardevs    compat_monitor0  unix:{qemu},server=on\n" in lines


@pytest.mark.real
def test_a_machine_as_json(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.loads(info(capsys, qemu, "--json"))

    assert (facts["kind"], facts["status"], facts["name"]) == ("machine", "prelaunch", "vm one")
    assert (facts["kvm"], facts["target"], facts["memory"]) == (
        False,
        "x86_64",
        {"base": 64 << 20},
    )
    assert facts["cpus"]["count"] == len(facts["cpus"]["threads"]) == 2
    disks = {disk["name"]: disk for disk in facts["disks"]}
    assert disks["disk0"]["size"] == 64 << 20
    assert disks["second"]["read-only"]
    assert facts["nics"] == [
        {
            "name": "nic0",
            "model": "virtio-net-pci",
            "mac": "52:54:00:12:34:56",
            "backend": {"id": "net0", "type": "user"},
        }
    ]


@pytest.mark.real
def test_a_storage_daemon(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, *lines = info(capsys, daemon).splitlines()

    assert first.startswith("QEMU storage daemon ")
    assert lines[0].startswith("nodes       null0  null-co  1 MiB, 0 B used  ")
    assert lines[1].startswith("exports     export0  nbd  null0")
    assert lines[2] == f"chardevs    monitor  unix:{daemon},server=on"


@pytest.mark.real
def test_a_guest_agent(agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = info(capsys, "-g", agent)

    assert text.startswith("guest agent ")
    assert f"\nhost        {socket.gethostname()}\n" in text
    assert "\ninterfaces  " in text
    assert "127.0.0.1/8" in text
    facts = json.loads(info(capsys, "-g", agent, "--json"))
    assert "guest-ping" in facts["commands"]
    assert "guest-shutdown" in facts["disabled"]
    assert "frozen" in facts


@pytest.mark.real
def test_who_does_not_greet_is_taken_for_an_agent(
    agent: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_SILENCE", 0.1)
    assert info(capsys, agent).startswith("guest agent ")


def test_who_says_nothing_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmpeer.limits.SHELL_SILENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "q"))
        listener.listen()
        assert main(["info", str(tmp_path / "q"), "--timeout", "0.2"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "greeted in " in err
    assert err.count("\n") == 1


def test_a_server_that_is_not_qemu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Scripted(tmp_path / "q", {"query-status": REFUSED, "query-name": {}}) as server:
        assert info(capsys, server.address) == "QMP server 1.2.3 (scripted)\n"
    assert [name for name, _ in server.seen] == ["query-status", "query-name"]


ODD: dict[str, Any] = {
    "a list": ["x", 1, None],
    "a number": 7,
    "a string": "\x1b[2J",
    "an empty object": {},
    "an object": {"status": [], "label": {}, "UUID": 1, "qemu": 3, "enabled": "x"},
    "objects": [{"x": 1}, {"inserted": 1, "props": 2, "label": None, "name": []}],
}
ASKED = (
    "query-status", "query-name", "query-uuid", "query-target", "query-kvm", "query-cpus-fast",
    "query-balloon", "query-memory-size-summary", "query-block", "query-chardev", "query-jobs",
    "query-migrate", "qom-get", "query-named-block-nodes", "query-block-exports",
    "query-rx-filter", "query-vnc", "query-spice", "human-monitor-command", "query-accelerators",
)  # fmt: skip


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_answers_that_are_not_qemus(
    answer: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any answer of a server is shown or left out, and never steers the terminal."""
    with Scripted(tmp_path / "q", dict.fromkeys(ASKED, answer)) as server:
        text = info(capsys, server.address)
        json.loads(info(capsys, server.address, "--json"))
    assert text.startswith("QEMU ")
    assert "\x1b" not in text


@pytest.mark.real
def test_at_a_terminal_of_20_columns(qemu: str) -> None:
    shown = at_terminal("info", qemu, columns=20)
    assert shown.status == 0
    assert shown.lines[1] == "name        vm one"
    assert shown.lines[2] == "uuid        1111111…"
    assert b"\x1b[1m" in shown.raw


@pytest.mark.real
def test_at_a_terminal_without_colours_and_without_unicode(qemu: str) -> None:
    shown = at_terminal("info", qemu, columns=24, NO_COLOR="1", PYTHONIOENCODING="ascii")
    assert b"\x1b" not in shown.raw
    assert shown.raw.isascii()
    assert "CPUs        2 x qemu64 ~" in shown.lines
