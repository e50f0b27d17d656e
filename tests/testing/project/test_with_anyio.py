"""Tests with anyio's plugin, on asyncio and on trio."""

from importlib.util import find_spec

import pytest
from vm_tool import eject

from qmpeer import AsyncClient
from qmpeer.testing import ScriptedServer

anyio = pytest.importorskip("anyio")
pytestmark = pytest.mark.anyio
NEEDS_TRIO = pytest.mark.skipif(find_spec("trio") is None, reason="trio is not installed")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_client(qmp_server: ScriptedServer, anyio_backend: str) -> None:
    qmp_server.on("query-name").reply({"name": "guest"})
    async with await AsyncClient.connect(qmp_server.address) as vm:
        assert await vm.execute("query-name") == {"name": "guest"}


@pytest.mark.parametrize("anyio_backend", ["asyncio", pytest.param("trio", marks=NEEDS_TRIO)])
async def test_an_address(drive: ScriptedServer, anyio_backend: str) -> None:
    assert await anyio.to_thread.run_sync(eject, drive.address, "cd0")
