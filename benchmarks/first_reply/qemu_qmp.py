"""qemu.qmp, from its start to its first reply."""

import asyncio
import sys

from qemu.qmp import QMPClient


async def main() -> None:
    """Connect and send one command."""
    client = QMPClient()
    await client.connect(sys.argv[1])
    print(await client.execute("query-version"), flush=True)
    await client.disconnect()


asyncio.run(main())
