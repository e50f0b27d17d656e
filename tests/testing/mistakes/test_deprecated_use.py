"""A call of a deprecated command."""

import pytest

from qmpeer import Client
from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="schema.json", deprecated="fail")
def test_deprecated_use(qmp_server: ScriptedServer) -> None:
    qmp_server.on("eject")
    with Client.connect(qmp_server.address) as vm:
        vm.execute("eject", {"device": "cd0"})
