"""``qmpeer serve`` with faults: they happen at its QMP monitors, and are shown."""

from pathlib import Path

import pytest

from qmpeer import Client, CommandError, CommandInterrupted
from qmpeer.machine import StartError, parse_options
from tests.machine.serving import Serving, Threaded


def test_faults_at_a_monitor(tmp_path: Path) -> None:
    fault = "cut after=stop byte=3 connection=1"
    machine = Threaded(
        tmp_path / "qmp", "--fault", fault, "--seed", "5", "--fault", "late seconds=0"
    )
    with machine.client() as vm, pytest.raises(CommandInterrupted):
        vm.execute("stop")
    with machine.client() as vm:
        assert vm.execute("query-status")["running"] is False  # it was executed
    machine.end()
    assert machine.said == [f"fault: {fault}", "terminating on signal 15"]


def test_a_fault_that_cannot_be() -> None:
    with pytest.raises(StartError, match="--fault ctu: found an unknown fault 'ctu'"):
        parse_options(["--fault", "ctu"])


def test_the_process_exits(tmp_path: Path) -> None:
    """In the middle of a reply, with a status and last words."""
    fault = "exit reply=stop byte=5 status=3 text='out of memory'"
    with Serving(tmp_path / "qmp", "--fault", fault) as machine:
        with machine.client() as vm, pytest.raises(CommandInterrupted):
            vm.execute("stop")
        assert machine.wait() == 3
        assert machine.stderr().endswith("out of memory\n")


def test_faults_that_are_armed_while_it_runs(tmp_path: Path) -> None:
    machine = Threaded(tmp_path / "qmp", "--control", str(tmp_path / "control"))
    with Client.connect(tmp_path / "control") as control, machine.client() as vm:
        control.execute("fault-add", {"fault": "error command=stop class=GenericError desc=no"})
        with pytest.raises(CommandError, match="no"):
            vm.execute("stop")
        mark = vm.event_mark()
        control.execute("send-event", {"name": "GUEST_PANICKED", "data": {"action": "pause"}})
        assert vm.wait_event("GUEST_PANICKED", since=mark).data == {"action": "pause"}
        control.execute("quit")
    assert machine.wait() == 0
