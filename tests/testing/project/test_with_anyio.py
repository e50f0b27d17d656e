"""Tests with anyio's plugin, on asyncio and on trio."""

import pytest
from vm_tool import eject

from qmpeer import AsyncClient
from qmpeer.testing import ScriptedServer

anyio = pytest.importorskip("anyio")
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_client(qmp_server: ScriptedServer, anyio_backend: str) -> None:
    qmp_server.on("query-name").reply({"name": "guest"})
    async with await AsyncClient.connect(qmp_server.address) as vm:
        assert await vm.execute("query-name") == {"name": "guest"}


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_an_address(drive: ScriptedServer, anyio_backend: str) -> None:
    if anyio_backend == "trio":
        pytest.importorskip("trio")
    assert await anyio.to_thread.run_sync(eject, drive.address, "cd0")
