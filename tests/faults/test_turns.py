"""Turns between clients: a demanding client doesn't hold up others. Counted, not timed."""

import asyncio
from collections.abc import Callable

import pytest

from qmpeer.monitor import Monitor
from tests.monitor.conftest import Connect
from tests.patience import PATIENCE

MIB = 1024**2
WORST: dict[str, Callable[[], bytes]] = {
    "escapes in an id": lambda: b'{"execute":"x","id":"' + b"\\u00e9" * (MIB // 3) + b'"}\n',
    "single quotes": lambda: b"{'execute':'x','id':'" + b"\\u00e9" * (MIB // 3) + b"'}\n",
    "a long id and an answer": lambda: (
        b'{"execute":"query-version","id":"' + b"\\u00e9" * (MIB // 3) + b'"}\n'
    ),
    "many items in an id": lambda: b'{"execute":"x","id":[' + b"1," * (MIB // 4) + b"1]}\n",
    "many objects in an id": lambda: b'{"execute":"x","id":[' + b"{}," * (MIB // 4) + b"1]}\n",
    "parse errors": lambda: b"x " * (MIB // 128),
    "stray bytes": lambda: b"@{" * (MIB // 128),
    "unknown members": lambda: b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}\n",
    "a member twice": lambda: b'{"execute":"x",' + b'"a":1,' * (MIB // 9) + b'"id":1}\n',
    "commands": lambda: b'{"execute":"query-version"}\n' * (MIB // 64),
    "deep": lambda: (b"[" * 1023 + b"]" * 1023) * 64,
    "garbage": lambda: bytes(n * n >> 7 & 0xFF for n in range(MIB // 32)),
}
"""The requests of demanding clients, all longer than a turn."""


@pytest.mark.parametrize("kind", WORST)
async def test_others_have_a_turn_in_between(monitor: Monitor, connect: Connect, kind: str) -> None:
    """A client that sends one command after the other is answered many times meanwhile."""
    worst, other = await connect(), await connect()
    data = WORST[kind]()

    async def drain() -> None:
        tail = b""
        while b'"last"' not in tail:
            received = await asyncio.get_running_loop().sock_recv(worst.sock, 65536)
            assert received
            tail = tail[-100:] + received

    async with asyncio.timeout(PATIENCE):
        draining = asyncio.create_task(drain())
        last = b'\x01{"execute":"query-version","id":"last"}\n'
        sending = asyncio.create_task(worst.send_all(data + last))
        answers = 0
        while not draining.done():
            assert "return" in await other.execute("query-version")
            answers += 1
        await sending
    assert answers >= 5
