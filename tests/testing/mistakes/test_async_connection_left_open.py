"""A client for asyncio that nobody closes."""

from qmpeer import AsyncClient
from qmpeer.testing import ScriptedServer


async def test_async_connection_left_open(qmp_server: ScriptedServer) -> None:
    vm = await AsyncClient.connect(qmp_server.address)
    assert vm.greeting
