"""QEMU's character devices: byte streams for monitors and other front ends.

A device is described by an option (`parse_chardev`, `parse_device`) or by the JSON of
``chardev-add``. `create` makes one device; `Chardevs` holds all devices of a program by label. A
front end is a factory for the handlers of streams, such as ``Monitor.connection_factory()``.

Example:
    >>> import asyncio
    >>> async def main() -> str:
    ...     devices = Chardevs()
    ...     await devices.add_described(parse_chardev("ringbuf,id=log,size=4k"))
    ...     devices.write_ring("log", "hello")
    ...     return devices.read_ring("log", 100)
    >>> asyncio.run(main())
    'hello'
"""

from qmpeer.chardev.backends import BACKENDS
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.host import Host, TlsCredentials
from qmpeer.chardev.options import Description, parse_chardev
from qmpeer.chardev.registry import Chardevs, create
from qmpeer.chardev.short_forms import parse_device

__all__ = [
    "BACKENDS",
    "Chardev",
    "Chardevs",
    "Description",
    "Host",
    "TlsCredentials",
    "create",
    "parse_chardev",
    "parse_device",
]
