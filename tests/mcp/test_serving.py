"""The server over HTTP: the token, the checks of requests, and the SDK's client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from qmpeer import limits
from qmpeer.mcp.guarded_machine import GuardedMachine
from qmpeer.proxy import Proxy
from qmpeer.transport import listen
from tests.mcp.conftest import Assisted, text_of
from tests.patience import PATIENCE

TOKEN = "abcdefghijklmnopqrstuvwxyz"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def served(assisted: Assisted, **options: Any) -> AsyncIterator[str]:
    """Serve over HTTP; give the URL."""
    from qmpeer.mcp import AssistantServer
    from qmpeer.mcp.serving import HttpServing

    proxy = Proxy(assisted.path, persist=True, when_down="fail")
    machine = GuardedMachine(proxy, command_timeout=PATIENCE)
    server = AssistantServer(machine, policy="for tests")
    http = HttpServing(server.server, listen("tcp:127.0.0.1:0"), TOKEN, **options)
    running = asyncio.create_task(http.run())
    try:
        yield http.address
    finally:
        http.stop()
        async with asyncio.timeout(PATIENCE):
            await running
        await machine.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_with_the_token(assisted: Assisted, mode: str) -> None:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with (
        served(assisted) as url,
        httpx2.AsyncClient(headers=KNOWN) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool("execute", {"command": "query-status"})
        assert text_of(result) == '{"status": "running"}'


REQUESTS: dict[str, tuple[dict[str, str], int]] = {
    "no token": ({}, 401),
    "wrong token": ({"Authorization": "Bearer wrong"}, 401),
    "wrong host": ({**KNOWN, "Host": "evil.example"}, 421),
    "host like loopback": ({**KNOWN, "Host": "127.0.0.1.evil.example:80"}, 421),
    "wrong origin": ({**KNOWN, "Origin": "http://evil.example"}, 403),
    "no origin": ({**KNOWN, "Origin": "null"}, 403),
    "allowed host": ({**KNOWN, "Host": "vm.example:8080"}, 200),
}
BEGIN: dict[str, object] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a", "version": "1"},
    },
}


async def test_requests(assisted: Assisted) -> None:
    import httpx2

    async with served(assisted, hosts=["vm.example"]) as url, httpx2.AsyncClient() as http:
        for name, (headers, status) in REQUESTS.items():
            answer = await http.post(url, json=BEGIN, headers={**ACCEPT, **headers})
            assert answer.status_code == status, name
            assert TOKEN not in answer.text
        large = await http.post(url, content=b"x" * (limits.MCP_BODY + 1), headers=KNOWN)
        assert large.status_code == 413
        assert (await http.get(url.removesuffix("/mcp"))).status_code == 401
        assert (await http.get(url.removesuffix("/mcp"), headers=KNOWN)).status_code == 404


@pytest.mark.ipv6
async def test_the_address_of_ipv6(assisted: Assisted) -> None:
    from qmpeer.mcp import AssistantServer
    from qmpeer.mcp.serving import HttpServing

    sock = listen("tcp:[::1]:0")
    proxy = Proxy(assisted.path)
    machine = GuardedMachine(proxy, command_timeout=PATIENCE)
    server = AssistantServer(machine, policy="for tests").server
    assert HttpServing(server, sock, TOKEN).address.startswith("http://[::1]:")
    sock.close()
    await machine.close()
