"""A rule with two answers."""

from qmpeer.testing import ScriptedServer


def test_script_mistake(qmp_server: ScriptedServer) -> None:
    qmp_server.on("query-status").reply({"status": "running"}).error("GenericError", "busy")
