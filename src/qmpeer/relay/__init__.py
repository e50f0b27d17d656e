"""The relay: between a client and a server, it passes every byte on unchanged and at once.

`Relay` dials the server for each client. Clients come over a listener, a character device or a
socket. An `Observer` sees every byte that passes.

Example:
    >>> import asyncio
    >>> from qmpeer import AsyncClient, Monitor
    >>> async def main() -> int:
    ...     monitor = Monitor(name="vm", version=(1, 0, 0))
    ...     server = await monitor.listen("tcp:127.0.0.1:0")
    ...     async with Relay(server.address) as relay:
    ...         listener = await relay.listen("tcp:127.0.0.1:0")
    ...         async with await AsyncClient.connect(listener.address) as vm:
    ...             major = vm.greeting.version.qemu.major
    ...     monitor.shutdown()
    ...     await monitor.wait_closed()
    ...     return major
    >>> asyncio.run(main())
    1
"""

from qmpeer.relay.observer import LinkObserver, Observer
from qmpeer.relay.relay import Device, Relay

__all__ = ["Device", "LinkObserver", "Observer", "Relay"]
