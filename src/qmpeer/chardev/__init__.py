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

from qmpeer.chardev.creation import create
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.options import BACKENDS, Description, parse_chardev
from qmpeer.chardev.registry import Chardevs
from qmpeer.chardev.short_forms import parse_device
from qmpeer.chardev.surroundings import Surroundings, TlsCredentials

__all__ = [
    "BACKENDS",
    "Chardev",
    "Chardevs",
    "Description",
    "Surroundings",
    "TlsCredentials",
    "create",
    "parse_chardev",
    "parse_device",
]
