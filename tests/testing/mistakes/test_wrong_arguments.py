"""A call with other arguments than the script has; the password must not show."""

from contextlib import suppress

from qmpeer import Client, CommandError
from qmpeer.testing import ScriptedServer


def test_wrong_arguments(qmp_server: ScriptedServer) -> None:
    qmp_server.on("set_password", {"protocol": "vnc"}).any_times()
    with Client.connect(qmp_server.address) as vm, suppress(CommandError):
        vm.execute("set_password", {"protocol": "spice", "password": "hunter2"})
