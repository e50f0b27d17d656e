"""A small project of its own that uses the plugin: in its own process, with xdist, no network.

Modules: contexts, joined_pair, machine_server, plugin, qemu_server, recorded, replay_server,
settings, tasks, threaded_server.
"""

import re
from importlib.metadata import entry_points
from pathlib import Path

from qmpeer.testing import machine
from tests.testing.pytest_run import PLUGINS, copied, run_pytest

OFFLINE = """
import socket

_connect = socket.socket.connect


def connect(self, address):
    assert self.family == socket.AF_UNIX, f"found a connection to {address}, expected none"
    return _connect(self, address)


socket.socket.connect = connect
"""


def test_it_is_green(tmp_path: Path) -> None:
    folder = copied("project", tmp_path)
    (folder / "offline.py").write_text(OFFLINE)
    plugins = (*PLUGINS, "offline", "xdist.plugin")
    environment = {"PYTHONPATH": str(folder)}
    done = run_pytest(folder, "-n", "2", plugins=plugins, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^(39|40) passed(, \d+ skipped)? in", done.stdout, re.MULTILINE), done.stdout


RECORDED_TEST = """
import pytest
from qmpeer import Client

def test_stop(qmp_replay):
    with Client.connect(qmp_replay.address) as vm:
        mark = vm.event_mark()
        vm.execute("stop")
        assert vm.wait_event("STOP", since=mark, timeout=30).name == "STOP"

def test_fails(qmp_replay):
    with Client.connect(qmp_replay.address) as vm:
        assert vm.execute("query-name") == {"name": "other"}
"""
MORE = """
def test_stop(qmp_replay):
    with Client.connect(qmp_replay.address) as vm:
        vm.execute("stop")
        assert vm.execute("query-name") == {"name": "guest"}
"""


def test_a_real_server_is_recorded(tmp_path: Path) -> None:
    test = tmp_path / "test_vm.py"
    folder = tmp_path / "recordings" / "test_vm"
    test.write_text(RECORDED_TEST)
    with machine("-name", "guest") as server:
        done = run_pytest(tmp_path, "--qmp-add", server.address, plugins=PLUGINS[:1])
        assert "1 failed, 1 passed" in done.stdout, done.stdout
        assert not (folder / "test_fails.txt").exists()  # only what passed is kept
        recorded = (folder / "test_stop.txt").read_text()
        assert '"event": "STOP"' in recorded
        test.write_text(RECORDED_TEST.partition("def test_stop")[0] + MORE)
        done = run_pytest(tmp_path, "-o", f"qmp_add={server.address}", plugins=PLUGINS[:1])
        assert "1 passed" in done.stdout, done.stdout
    added = (folder / "test_stop.txt").read_text()
    assert added.startswith(recorded.rpartition("@ closed")[0])
    assert "query-name" in added
    done = run_pytest(tmp_path, plugins=PLUGINS[:1])  # the server is gone
    assert "1 passed" in done.stdout, done.stdout


def test_pytest_loads_it_by_itself() -> None:
    found = {each.name: each.value for each in entry_points(group="pytest11")}
    assert found["qmpeer"] == "qmpeer.testing.plugin", "pip install -e . again"


LOOK = """
import atexit, sys
import _pytest.config

def show():
    print("LOADED", *sorted(name for name in sys.modules if name.startswith("qmpeer")))
    print("HEAVY", *sorted({"asyncio", "msgspec", "uvloop"} & set(sys.modules)))

atexit.register(show)
"""


def test_unused_it_costs_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    (tmp_path / "conftest.py").write_text(LOOK)
    done = run_pytest(tmp_path, "-s", plugins=PLUGINS[:1])
    loaded = re.search(r"^LOADED (.*)$", done.stdout, re.MULTILINE)
    assert loaded, done.stdout + done.stderr
    expected = "qmpeer qmpeer.lazy qmpeer.testing qmpeer.testing.plugin"
    assert loaded[1] == expected
    assert "\nHEAVY\n" in done.stdout
