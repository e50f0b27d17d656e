"""Tests of blocking code, in this process and in another one."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from vm_tool import eject

from qmpeer import Client, CommandError, CommandInterrupted
from qmpeer.testing import Faults, MachineServer, Pair, QemuServer, ScriptedServer


def test_eject(drive: ScriptedServer) -> None:
    assert eject(drive.address, "cd0")
    assert drive.calls.only("eject").arguments == {"device": "cd0"}


def test_another_process(drive: ScriptedServer) -> None:
    tool = Path(__file__).parent / "vm_tool.py"
    argv = [sys.executable, str(tool), drive.address, "cd0"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "ejected\n"


def test_the_path_fits_every_system(qmp_server: ScriptedServer) -> None:
    assert len(qmp_server.address.removeprefix("unix:")) < 104


def test_a_fixture_ends_the_conversation(qmp_server: ScriptedServer, vm: Client) -> None:
    qmp_server.expect("query-name").reply({"name": "guest"})
    qmp_server.expect("stop")  # by the fixture, after the test
    assert vm.execute("query-name") == {"name": "guest"}


@pytest.mark.qmp(allow_unexpected=True, allow_unmet=True)
def test_both_are_waived(qmp_server: ScriptedServer) -> None:
    qmp_server.on("stop")
    with Client.connect(qmp_server.address) as vm, pytest.raises(CommandError):
        vm.execute("cont")


@pytest.mark.qmp(version=(9, 1, 2), many=True)
class TestMarks:
    def test_of_the_class(self, qmp_server: ScriptedServer) -> None:
        address = qmp_server.address
        with Client.connect(address) as first, Client.connect(address) as second:
            assert first.greeting
            assert second.greeting
            assert second.greeting.version
            assert second.greeting.version.qemu.major == 9

    @pytest.mark.qmp(version=(4, 2, 0))
    def test_the_closest_wins(self, qmp_server: ScriptedServer) -> None:
        with Client.connect(qmp_server.address) as vm:
            assert vm.greeting
            assert vm.greeting.version
            assert vm.greeting.version.qemu.major == 4


@pytest.mark.qmp(options=("-S", "-name", "guest"))
def test_the_machine(qmp_machine: MachineServer) -> None:
    with Client.connect(qmp_machine.address) as vm:
        assert vm.execute("query-status")["status"] == "prelaunch"
        assert vm.execute("query-name") == {"name": "guest"}
        assert "prelaunch" in vm.execute("human-monitor-command", {"command-line": "info status"})


def test_the_machine_quits(qmp_machine: MachineServer) -> None:
    with Client.connect(qmp_machine.address) as vm:
        vm.execute("quit")


def test_qemu(qmp_qemu: QemuServer) -> None:
    with Client.connect(qmp_qemu.address) as vm:
        assert vm.execute("query-status")["running"]


def test_a_pair(qmp_pair: Pair) -> None:
    qmp_pair.server.on("stop").event("STOP")
    mark = qmp_pair.client.event_mark()
    qmp_pair.client.execute("stop")
    qmp_pair.client.wait_event("STOP", since=mark, timeout=30.0)


def test_faults_of_a_pair(qmp_pair: Pair, qmp_faults: Faults) -> None:
    qmp_faults.cut(after="stop")
    qmp_pair.server.on("stop")
    with pytest.raises(CommandInterrupted):
        qmp_pair.client.execute("stop")


def test_faults_of_a_machine(qmp_machine: MachineServer, qmp_faults: Faults) -> None:
    qmp_faults.error("GenericError", "not now", command="query-name")
    with Client.connect(qmp_machine.address) as vm, pytest.raises(CommandError, match="not now"):
        vm.execute("query-name")


def test_threads_that_end(qmp_server: ScriptedServer) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    with Client.connect(qmp_server.address):
        pass


@pytest.mark.qmp(allow_leaks=True)
def test_leaks_are_waived(qmp_server: ScriptedServer) -> None:
    Client.connect(qmp_server.address)


@pytest.mark.parametrize("number", range(8))
def test_side_by_side(qmp_server: ScriptedServer, number: int) -> None:
    qmp_server.on("query-name").reply({"name": str(number)})
    with Client.connect(qmp_server.address) as vm:
        assert vm.execute("query-name") == {"name": str(number)}
