"""A reply that the schema's server never sends."""

import pytest

from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="schema.json")
def test_drift_of_a_reply(qmp_server: ScriptedServer) -> None:
    qmp_server.on("query-size").reply("1 GiB")
