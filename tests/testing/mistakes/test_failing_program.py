"""A program that fails because of an unexpected call."""

from qmpeer import Client
from qmpeer.testing import ScriptedServer


def test_failing_program(qmp_server: ScriptedServer) -> None:
    qmp_server.on("eject", {"device": "cd0"})
    with Client.connect(qmp_server.address) as vm:
        vm.execute("eject", {"device": "cd1"})
