"""``qmpeer top``: rates from counters, and of a real machine."""

import json
import threading
from pathlib import Path

import pytest

from qmpeer.cli.activity import Sample, rates
from qmpeer.cli.main import main
from qmpeer.cli.page import Page
from qmpeer.cli.top_command import top_lines
from tests.cli.programs import at_terminal
from tests.cli.scripted_server import Scripted

DISK = {"rd_bytes": 0.0, "wr_bytes": 0.0, "rd_operations": 0.0, "wr_operations": 0.0}


def test_rates() -> None:
    before = Sample(10.0, {"0": {"seconds": 5.0}}, {"d": DISK}, {"gone": {"rx_bytes": 1.0}})
    now = Sample(
        12.0,
        {"0": {"seconds": 6.5, "exits": 9.0}, "1": {"seconds": 3.0}},
        {"d": {**DISK, "rd_bytes": 4096.0}},
        {},
    )
    assert rates(before, now) == {
        "seconds": 2.0,
        "cpus": {"0": {"seconds": 0.75, "exits": 0.0}, "1": {"seconds": 0.0}},
        "disks": {"d": {**DISK, "rd_bytes": 2048.0}},
        "nets": {},
    }
    assert rates(now, before)["cpus"] == {"0": {"seconds": 0.0}}  # set back


def test_lines() -> None:
    found = {
        "cpus": {"process": {"seconds": 1.2}, "10": {"seconds": 0.5}, "2": {"exits": 70.2}},
        "disks": {"d\x1b": {**DISK, "rd_bytes": 2048.0, "rd_operations": 3.0}},
        "nets": {"n": {"rx_bytes": 0.0, "tx_bytes": 1e6}},
    }
    assert list(top_lines(found, Page(None, 78))) == [
        "CPUs    2        70 exits/s",
        "        10        50.0%  [##########          ]",
        "        process  120.0%",
        r"disks   d\u001b  read      2 KiB/s      3/s  written        0 B/s      0/s",
        "NICs    n  received        0 B/s  sent    977 KiB/s",
    ]


@pytest.mark.skipif(not Path("/sys/class/net/lo").exists(), reason="/sys is not mounted")
def test_counters_of_this_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server on this host: here it is this very process."""
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
    """Return how often the first line is on the screen after three looks."""
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
