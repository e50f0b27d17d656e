"""Calls in another order than the script expects."""

from qmpeer import Client
from qmpeer.testing import ScriptedServer


def test_out_of_order(qmp_server: ScriptedServer) -> None:
    qmp_server.expect("stop")
    qmp_server.expect("eject", {"device": "cd0"})
    with Client.connect(qmp_server.address) as vm:
        vm.execute("eject", {"device": "cd0"})
