"""Query a server's status with qemu.qmp: python qemu_qmp.py PATH."""

import asyncio
import sys

from qemu.qmp import QMPClient


async def main() -> None:
    client = QMPClient()
    async with asyncio.timeout(10):
        await client.connect(sys.argv[1])
        print((await client.execute("query-status"))["status"])
        await client.disconnect()


asyncio.run(main())
