"""The proxy's own commands, beside those of its clients.

Modules: own_requests.
"""

import asyncio
from typing import Any

import pytest

from qmpeer.errors import CommandError
from qmpeer.proxy.own_requests import OwnRequests
from tests.proxy.proxied import Proxied, error_of, until


async def own(proxied: Proxied, **options: Any) -> OwnRequests:
    return (await proxied.start(**options))._hub.own


async def test_they_take_their_turn(proxied: Proxied) -> None:
    requests = await own(proxied, window=1)
    client = await proxied.client()
    of_client = [client.execute(f"client-{n}") for n in range(3)]
    await until(lambda: proxied.server.received)
    replies = [requests.execute("own", {"n": n}) for n in range(2)]
    for n in range(5):
        await until(lambda n=n: len(proxied.server.received) > n)  # type: ignore[misc]  # bound now
        proxied.server.answer(n)
    names = proxied.server.names
    assert names[0] == "client-0"
    assert set(names[1:3]) == {"own", "client-1"}
    assert await asyncio.gather(*replies) == [n for n, name in enumerate(names) if name == "own"]
    await asyncio.gather(*of_client)


async def test_one_of_them_is_forgotten(proxied: Proxied) -> None:
    requests = await own(proxied)
    requests.execute("cancelled").cancel()
    requests.execute("forgotten")
    await until(lambda: len(proxied.server.received) == 2)
    proxied.server.answer()
    proxied.server.answer()
    await until(lambda: not requests.requests)


async def test_out_of_band_ones_overtake(proxied: Proxied) -> None:
    requests = await own(proxied, window=1)
    first, second = requests.execute("first"), requests.execute("second")
    urgent = requests.execute("urgent", is_oob=True)
    await until(lambda: proxied.server.names == ["first", "urgent"])
    proxied.server.answer("now", name="urgent")
    assert await urgent == "now"
    proxied.server.answers = lambda command: command.name
    proxied.server.answer()
    await asyncio.gather(first, second)


async def test_a_silent_server_is_bounded(proxied: Proxied) -> None:
    requests = await own(proxied, command_timeout=0.05)
    error = await error_of(requests.execute("asked"))
    assert "The server hasn't answered asked in 0.05 s" in error.desc


async def test_the_server_goes(proxied: Proxied) -> None:
    requests = await own(proxied, window=1)
    sent, waiting = requests.execute("sent"), requests.execute("waiting")
    await until(lambda: proxied.server.received)
    assert proxied.server.client is not None
    proxied.server.client.close()
    assert "the outcome of sent is unknown" in (await error_of(sent)).desc
    with pytest.raises(CommandError, match="waiting wasn't sent"):
        await waiting
