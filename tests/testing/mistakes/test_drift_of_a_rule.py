"""A rule for arguments that the schema doesn't have."""

import pytest

from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="schema.json")
def test_drift_of_a_rule(qmp_server: ScriptedServer) -> None:
    qmp_server.on("block-resize", {"nodename": "n0"})
