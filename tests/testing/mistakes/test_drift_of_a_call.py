"""A call with arguments that the schema doesn't have."""

from contextlib import suppress

import pytest

from qmpeer import Client, CommandError
from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="schema.json")
def test_drift_of_a_call(qmp_server: ScriptedServer) -> None:
    qmp_server.on("block-resize").any_times()
    with Client.connect(qmp_server.address) as vm, suppress(CommandError):
        vm.execute("block-resize", {"node-name": "n0", "size": "1G"})
