"""From a backend's JSON to the device: which class stands for which type."""

from collections.abc import Mapping
from typing import Final

from qmpeer.chardev.device import Chardev
from qmpeer.chardev.file_device import FileDevice
from qmpeer.chardev.mux_device import MuxDevice
from qmpeer.chardev.null_device import (
    AgentDevice,
    ConsoleDevice,
    MouseDevice,
    NullDevice,
    TabletDevice,
    TestDevice,
)
from qmpeer.chardev.path_devices import ParallelDevice, PipeDevice, SerialDevice
from qmpeer.chardev.pty_device import PtyDevice
from qmpeer.chardev.ringbuf_device import MemoryDevice, RingBuffer
from qmpeer.chardev.socket_device import SocketDevice
from qmpeer.chardev.stdio_device import StdioDevice
from qmpeer.chardev.surroundings import FindFd, Surroundings
from qmpeer.chardev.udp_device import UdpDevice
from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject

_CLASSES: Final[dict[str, type[Chardev]]] = {
    device.kind: device
    for device in (
        *(AgentDevice, ConsoleDevice, FileDevice, MemoryDevice, MouseDevice, NullDevice),
        *(ParallelDevice, PipeDevice, PtyDevice, RingBuffer, SerialDevice, SocketDevice),
        *(StdioDevice, TabletDevice, TestDevice, UdpDevice),
    )
}


def create(
    label: str,
    backend: JsonObject,
    surroundings: Surroundings | None = None,
    *,
    bases: Mapping[str, Chardev] | None = None,
    find_fd: FindFd | None = None,
) -> Chardev:
    """Make a device, which open() then makes usable.

    Args:
        label: What it is called.
        backend: Of QAPI's type ChardevBackend, checked against it.
        surroundings: What it may ask of the program.
        bases: The devices that a mux may stand before.
        find_fd: Gives descriptors by their names, as a monitor does; else they are numbers.

    Raises:
        ChardevError: If there can't be such a device, in QEMU's words.

    Example:
        >>> create("log", {"type": "ringbuf", "data": {"size": 4096}}).filename
        'ringbuf'
    """
    surroundings = surroundings or Surroundings()
    kind = str(backend["type"])
    data = backend.get("data", {})
    assert isinstance(data, dict)
    if kind == "mux":
        name = str(data["chardev"])
        base = (bases or {}).get(name)
        if base is None:
            raise ChardevError(f"mux: base chardev {name} not found")
        return MuxDevice(label, data, surroundings, base)
    if kind not in _CLASSES:
        raise ChardevError(f"'{kind}' is not a valid char driver name")
    device = _CLASSES[kind](label, data, surroundings)
    device.find_fd = find_fd
    return device
