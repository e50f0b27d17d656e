"""A call that comes once more than the script has it."""

import pytest

from qmpeer import Client, CommandError
from qmpeer.testing import ScriptedServer


def test_too_often(qmp_server: ScriptedServer) -> None:
    qmp_server.on("stop")
    with Client.connect(qmp_server.address) as vm:
        vm.execute("stop")
        with pytest.raises(CommandError):
            vm.execute("stop")
