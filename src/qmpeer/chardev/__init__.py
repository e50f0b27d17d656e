"""QEMU's character devices: what a monitor, or anything else, talks through.

A device is described by an option (`parse_chardev`, `parse_device`) or by the JSON of
``chardev-add``. `create` makes one; `Chardevs` holds those of a program by their labels. Its front
end is whatever makes the handler of a stream, such as ``Monitor.connection_factory()``.

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
