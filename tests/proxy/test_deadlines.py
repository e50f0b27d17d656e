"""The deadlines of requests: which are over when, with one timer for all."""

import asyncio
from typing import cast

import pytest

from qmpeer.messages import CommandMessage
from qmpeer.proxy.deadlines import Deadlines
from qmpeer.proxy.request import Request, Requester
from tests.proxy.proxied import until


def _request(name: str, began: float) -> Request:
    return Request(cast(Requester, None), CommandMessage(name), began)


async def test_those_whose_time_is_over() -> None:
    over: list[tuple[str, float]] = []
    deadlines = Deadlines(60.0, lambda request, had: over.append((request.command.name, had)))
    now = asyncio.get_running_loop().time()
    first, answered, second = (
        _request(name, now - ago)
        for name, ago in (("first", 65.0), ("answered", 64.0), ("second", 60.0))
    )
    for request in (first, answered, second, _request("later", now)):
        deadlines.add(request)
    deadlines.remove(answered)
    await until(lambda: len(over) == 2)
    assert over == [("first", 60.0), ("second", 60.0)]
    deadlines.close()


@pytest.mark.parametrize("seconds", [None, 0.0])
async def test_none_and_an_end(seconds: float | None) -> None:
    over: list[str] = []
    deadlines = Deadlines(seconds, lambda request, had: over.append(request.command.name))
    deadlines.add(_request("any", asyncio.get_running_loop().time()))
    deadlines.close()
    await asyncio.sleep(0.01)
    assert over == []
