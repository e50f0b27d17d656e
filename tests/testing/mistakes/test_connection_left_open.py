"""A client that nobody closes."""

from qmpeer import Client
from qmpeer.testing import ScriptedServer


def test_connection_left_open(qmp_server: ScriptedServer) -> None:
    vm = Client.connect(qmp_server.address)
    assert vm.greeting
