"""The fixtures of this small project."""

from collections.abc import Iterator

import pytest

from qmpeer import Client
from qmpeer.testing import ScriptedServer
from qmpeer.values import JsonObject

MOVED: JsonObject = {"device": "cd0", "id": "cd0", "tray-open": True}


@pytest.fixture
def drive(qmp_server: ScriptedServer) -> ScriptedServer:
    """A server with a medium in its drive."""
    qmp_server.on("query-block").reply([{"device": "cd0", "inserted": {"file": "a.iso"}}])
    qmp_server.on("eject", {"device": "cd0"}).event("DEVICE_TRAY_MOVED", MOVED)
    return qmp_server


@pytest.fixture
def vm(qmp_server: ScriptedServer) -> Iterator[Client]:
    """A client, which says goodbye after the test."""
    with Client.connect(qmp_server.address) as client:
        yield client
        client.execute("stop")
