"""A short script with qemu.qmp that executes one command."""

import asyncio
import json
import sys

from qemu.qmp import QMPClient


async def main() -> None:
    """Connect, execute the command, print its return value."""
    client = QMPClient()
    await client.connect(sys.argv[1])
    print(json.dumps(await client.execute("query-status")))
    await client.disconnect()


asyncio.run(main())
