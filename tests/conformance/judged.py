"""Clients in this process, for the suite: both of ours, and a naive one with mistakes on demand."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qmpeer import AsyncClient, Client
from qmpeer.conformance.clients.odd_server import Target
from qmpeer.conformance.clients.program import Ending
from qmpeer.errors import QMPError

__all__ = ["Naive", "asyncio_client", "blocking_client"]

OPTIONS: dict[str, Any] = {"wait_for_socket": True}


def asyncio_client(deadline: float) -> Callable[[Target], Awaitable[Ending]]:
    """Return a runner of our asyncio client, with a deadline for connecting and for a command."""

    async def query(target: Target) -> None:
        client = await AsyncClient.connect(
            target.address, timeout=deadline, command_timeout=deadline, **OPTIONS
        )
        async with client as vm:
            assert (await vm.execute("query-status"))["running"] is True

    async def run(target: Target) -> Ending:
        try:
            await query(target)
        except (OSError, QMPError) as error:
            return Ending(1, errors=str(error).encode())
        return Ending(0)

    return run


def blocking_client(
    deadline: float, threads: ThreadPoolExecutor
) -> Callable[[Target], Awaitable[Ending]]:
    """Return a runner of our blocking client, in threads."""

    def query(target: Target) -> Ending:
        try:
            with Client.connect(
                target.address, timeout=deadline, command_timeout=deadline, **OPTIONS
            ) as vm:
                assert vm.execute("query-status")["running"] is True
        except (OSError, QMPError) as error:
            return Ending(1, errors=str(error).encode())
        return Ending(0)

    async def run(target: Target) -> Ending:
        return await asyncio.get_running_loop().run_in_executor(threads, query, target)

    return run


class Naive:
    """A client without ambition, which reads line by line.

    Args:
        begin: What it sends after the greeting.
        command: What it sends then.
        matches_ids: It waits for the reply with its id.
        sees_errors: It fails if the reply is an error.
    """

    def __init__(
        self,
        begin: bytes = b'{"execute": "qmp_capabilities"}\n',
        command: bytes = b'{"execute": "query-status", "id": 1}\n',
        *,
        matches_ids: bool = True,
        sees_errors: bool = True,
    ) -> None:
        self._begin = begin
        self._command = command
        self._matches_ids = matches_ids
        self._sees_errors = sees_errors

    async def __call__(self, target: Target) -> Ending:
        try:
            async with asyncio.timeout(5):
                return Ending(await self._talk(target))
        except (OSError, ValueError) as error:
            return Ending(1, errors=str(error).encode())

    async def _talk(self, target: Target) -> int:
        reader, writer = await asyncio.open_unix_connection(target.path)
        try:
            json.loads(await reader.readline())
            if self._begin:
                writer.write(self._begin)
                await self._reply(reader)
            if self._command:
                writer.write(self._command)
                reply = await self._reply(reader)
                while self._matches_ids and reply.get("id") != 1:
                    reply = await self._reply(reader)
                return int("error" in reply and self._sees_errors)
            return 0
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> Any:
        while True:
            message = json.loads(await reader.readline())
            if "event" not in message:
                return message
