"""``qmpeer top``, of this host and of a real machine."""

import json
import threading
from pathlib import Path

import pytest

from qmpeer.cli.main import main
from tests.cli.programs import at_terminal
from tests.cli.scripted_server import Scripted


@pytest.mark.skipif(not Path("/sys/class/net/lo").exists(), reason="/sys is not mounted")
def test_counters_of_this_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server on this host; here it is this process itself."""
    text = "n0: index=0,type=nic,model=m,macaddr=x\r\n \\ t0: index=0,type=tap,ifname=lo\r\n"
    answers = {
        "human-monitor-command": text,
        "query-cpus-fast": [
            {"cpu-index": 0, "thread-id": threading.get_native_id(), "qom-path": "/c0"},
            {"cpu-index": 1, "thread-id": 1 << 30, "qom-path": "/c1"},
        ],
        "query-stats": [
            {"provider": "kvm", "qom-path": "/c1", "stats": [{"name": "exits", "value": 5}]}
        ],
    }
    with Scripted(tmp_path / "q", answers) as server:
        words = ["top", server.address, "--count", "1", "--interval", "0.01", "--json"]
        assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["nets"].keys() == {"n0"}
    assert found["nets"]["n0"].keys() == {"rx_bytes", "tx_bytes"}
    assert {name: list(counters) for name, counters in found["cpus"].items()} == {
        "process": ["seconds"],
        "0": ["seconds"],
        "1": ["exits"],
    }


@pytest.mark.real
def test_a_machine(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", qemu, "--count", "2", "--interval", "0.05", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    assert lines[0]["cpus"].keys() == {"process", "0", "1"}
    assert all("seconds" in counters for counters in lines[0]["cpus"].values())
    assert lines[0]["disks"].keys() >= {"disk0", "second"}
    assert main(["top", qemu, "--count", "1", "--interval", "0.05"]) == 0
    assert capsys.readouterr().out.startswith("CPUs    0 ")


def heads_at_a_terminal(qemu: str) -> int:
    """Return how often the first line is on the screen after three updates."""
    shown = at_terminal("top", qemu, "--count", "3", "--interval", "0.05")
    assert shown.status == 0
    return sum(line.startswith("CPUs    0 ") for line in shown.lines)


@pytest.mark.real
def test_live_at_a_terminal(qemu: str) -> None:
    assert heads_at_a_terminal(qemu) == 1


@pytest.mark.real
@pytest.mark.usefixtures("no_rich")
def test_at_a_terminal_without_rich(qemu: str) -> None:
    assert heads_at_a_terminal(qemu) == 3


def test_a_server_that_has_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = {"query-cpus-fast": [{"x": 1}], "query-blockstats": "x", "query-stats": [1]}
    with Scripted(tmp_path / "q", odd) as server:
        words = ["top", server.address, "--count", "1", "--interval", "0.01", "--json"]
        assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["disks"] == {}
