"""Query a server's status with the asyncio client of qmpeer: python ours_async.py ADDRESS."""

import asyncio
import sys

from qmpeer import AsyncClient


async def main() -> None:
    client = await AsyncClient.connect(
        sys.argv[1], timeout=10, command_timeout=10, wait_for_socket=True
    )
    async with client as vm:
        print((await vm.execute("query-status"))["status"])


asyncio.run(main())
