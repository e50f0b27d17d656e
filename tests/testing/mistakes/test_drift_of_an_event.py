"""An event that the schema's server never sends."""

import pytest

from qmpeer.testing import ScriptedServer


@pytest.mark.qmp(schema="schema.json")
def test_drift_of_an_event(qmp_server: ScriptedServer) -> None:
    qmp_server.on("block-resize").event("BLOCK_RESIZED")
