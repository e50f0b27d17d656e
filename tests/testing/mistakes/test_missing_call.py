"""A call that never comes."""

from qmpeer.testing import ScriptedServer


def test_missing_call(qmp_server: ScriptedServer) -> None:
    qmp_server.on("stop").event("STOP")
