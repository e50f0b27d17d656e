"""The character devices of one program: their labels, and what QMP's commands do with them.

Every method that a command stands behind raises `ChardevError` with QEMU's words. Devices belong to
one event loop's thread.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from qmpeer import limits
from qmpeer.chardev.backends import BACKENDS
from qmpeer.chardev.device import Chardev
from qmpeer.chardev.file_device import FileDevice
from qmpeer.chardev.host import FindFd, Host
from qmpeer.chardev.mux_device import MuxDevice
from qmpeer.chardev.null_device import NullDevice
from qmpeer.chardev.options import Description
from qmpeer.chardev.path_devices import ParallelDevice, PipeDevice, SerialDevice
from qmpeer.chardev.pty_device import PtyDevice
from qmpeer.chardev.ringbuf_device import RingBuffer
from qmpeer.chardev.socket_device import SocketDevice
from qmpeer.chardev.stdio_device import StdioDevice
from qmpeer.chardev.udp_device import UdpDevice
from qmpeer.errors import ChardevError
from qmpeer.messages.glib_table import GlibTable
from qmpeer.values import JsonObject, JsonValue

_CLASSES: Final[dict[str, type[Chardev]]] = {
    **dict.fromkeys(("null", "vc", "msmouse", "wctablet", "testdev", "qemu-vdagent"), NullDevice),
    **dict.fromkeys(("ringbuf", "memory"), RingBuffer),
    "file": FileDevice,
    "parallel": ParallelDevice,
    "pipe": PipeDevice,
    "pty": PtyDevice,
    "serial": SerialDevice,
    "socket": SocketDevice,
    "stdio": StdioDevice,
    "udp": UdpDevice,
}


def create(
    label: str,
    backend: JsonObject,
    host: Host | None = None,
    *,
    bases: Mapping[str, Chardev] | None = None,
    find_fd: FindFd | None = None,
) -> Chardev:
    """Make a device, which open() then makes usable.

    Args:
        label: What it is called.
        backend: Of QAPI's type ChardevBackend, checked against it.
        host: What it may ask of the program.
        bases: The devices that a mux may stand before.
        find_fd: Looks up descriptors by their names, which are the device's then; without it they
            go by their numbers.

    Raises:
        ChardevError: If there can't be such a device, in QEMU's words.

    Example:
        >>> create("log", {"type": "ringbuf", "data": {"size": 4096}}).filename
        'ringbuf'
    """
    host = host or Host()
    kind = str(backend["type"])
    data = backend.get("data", {})
    assert isinstance(data, dict)
    if kind == "mux":
        name = str(data["chardev"])
        base = (bases or {}).get(name)
        if base is None:
            raise ChardevError(f"mux: base chardev {name} not found")
        return MuxDevice(label, data, host, base)
    if kind not in _CLASSES:
        raise ChardevError(f"'{kind}' is not a valid char driver name")
    return _CLASSES[kind](kind, label, data, host, find_fd)


class Chardevs:
    """Devices by their labels."""

    def __init__(self, host: Host | None = None) -> None:
        self.host: Final = host or Host()
        self._devices: dict[str, Chardev] = {}
        self._order = GlibTable()  # as QEMU keeps them, which shows in query-chardev

    def __iter__(self) -> Iterator[Chardev]:
        """Go through the devices in the order in which they were made."""
        return iter(tuple(self._devices.values()))

    def __contains__(self, label: object) -> bool:
        return label in self._devices

    def __len__(self) -> int:
        return len(self._devices)

    def get(self, label: str) -> Chardev | None:
        """Return the device with this label, if there is one."""
        return self._devices.get(label)

    # What a command line does

    async def add_described(
        self, description: Description, find_fd: FindFd | None = None
    ) -> Chardev:
        """Make and open the device of an option; of two, when a mux stands before it.

        Args:
            description: What the option says.
            find_fd: As in `add`, where a monitor's line says it.

        Raises:
            ChardevError: If it can't be had, in QEMU's words.
        """
        backend = description.backend()
        label = description.label
        assert label is not None
        if not description.is_mux:
            return await self._add(label, backend, find_fd)
        base = await self._add(f"{label}-base", backend, find_fd)
        mux: JsonObject = {"type": "mux", "data": {"chardev": base.label}}
        try:
            return await self._add(label, mux)
        except BaseException:
            self._drop(base)
            raise

    def required(self, label: str) -> Chardev:
        """Return the device that an option names.

        Raises:
            ChardevError: If there is none.
        """
        if (device := self._devices.get(label)) is None:
            raise ChardevError(f'chardev "{label}" not found')
        return device

    # What commands do

    async def add(
        self, label: str, backend: JsonObject, find_fd: FindFd | None = None
    ) -> JsonObject:
        """Do what chardev-add does.

        Args:
            label: What it will be called.
            backend: Of QAPI's type ChardevBackend, already checked against it.
            find_fd: Gives the descriptors that a monitor was passed, by their names.

        Returns:
            Of QAPI's type ChardevReturn: the path of a new pty.
        """
        if label in self._devices:
            raise ChardevError(f"Chardev with id '{label}' already exists")
        try:
            device = await self._add(label, backend, find_fd)
        except ChardevError as error:
            raise ChardevError(f"Failed to add chardev '{label}': {error}") from error
        return {} if device.pty is None else {"pty": device.pty}

    async def change(
        self, label: str, backend: JsonObject, find_fd: FindFd | None = None
    ) -> JsonObject:
        """Do what chardev-change does.

        Spec: QEMU: monitors don't let themselves be changed; what has no front end is removed and
        added, and is gone if that fails.
        """
        device = self._devices.get(label)
        if device is None:
            raise ChardevError(f"Chardev '{label}' does not exist")
        if isinstance(device, MuxDevice):
            raise ChardevError("Mux device hotswap not supported yet")
        if device.is_busy:
            raise ChardevError("Chardev user does not support chardev hotswap")
        self._drop(device)
        return await self.add(label, backend, find_fd)

    def remove(self, label: str) -> None:
        """Do what chardev-remove does."""
        device = self._found(label)
        if device.is_busy:
            raise ChardevError(f"Chardev '{label}' is busy")
        self._drop(device)

    def send_break(self, label: str) -> None:
        """Do what chardev-send-break does."""
        self._found(label).send_break()

    def query(self) -> list[JsonValue]:
        """Do what query-chardev does."""
        return [
            {
                "frontend-open": device.frontend_open,
                "filename": device.filename,
                "label": device.label,
            }
            for device in map(self._devices.__getitem__, reversed(list(self._order)))
        ]

    def query_backends(self) -> list[JsonValue]:
        """Do what query-chardev-backends does."""
        return [{"name": name} for name in reversed(BACKENDS)]

    def write_ring(self, label: str, data: str, data_format: str = "utf8") -> None:
        """Do what ringbuf-write does."""
        self._ring(label).write_text(data, data_format)

    def read_ring(self, label: str, size: int, data_format: str = "utf8") -> str:
        """Do what ringbuf-read does."""
        return self._ring(label).read_text(size, data_format)

    def yankable(self) -> list[str]:
        """Return the labels of devices that query-yank lists."""
        return [device.label for device in self if device.is_socket]

    def close(self) -> None:
        """Take no further clients anywhere, and put terminals back as they were."""
        for device in self:
            device.close()

    # Inside

    async def _add(self, label: str, backend: JsonObject, find_fd: FindFd | None = None) -> Chardev:
        if label in self._devices:
            what = "to object (type 'container')"
            raise ChardevError(f"attempt to add duplicate property '{label}' {what}")
        if len(self._devices) >= limits.CHARDEVS:
            raise ChardevError(f"there are {limits.CHARDEVS} devices already")
        device = create(label, backend, self.host, bases=self._devices, find_fd=find_fd)
        await device.open()
        if label in self._devices:  # another command was faster while this one connected
            device.close()
            raise ChardevError(f"Chardev with id '{label}' already exists")
        self._devices[label] = device
        self._order.add(label)
        return device

    def _drop(self, device: Chardev) -> None:
        device.close()
        del self._devices[device.label]
        self._order.remove(device.label)

    def _found(self, label: str) -> Chardev:
        if (device := self._devices.get(label)) is None:
            raise ChardevError(f"Chardev '{label}' not found")
        return device

    def _ring(self, label: str) -> RingBuffer:
        device = self._devices.get(label)
        if device is None:
            raise ChardevError(f"Device '{label}' not found")
        if not isinstance(device, RingBuffer):
            raise ChardevError(f"{label} is not a ringbuf device")
        return device
