"""A test that fails by itself; the password must not show."""

from qmpeer import Client
from qmpeer.testing import ScriptedServer


def test_failing_body(qmp_server: ScriptedServer) -> None:
    qmp_server.on("set_password").any_times()
    qmp_server.on("query-status").reply({"status": "running"})
    with Client.connect(qmp_server.address) as vm:
        vm.execute("set_password", {"protocol": "vnc", "password": "hunter2"})
        assert vm.execute("query-status")["status"] == "paused"
