"""The character devices of one program, with the operations of QMP's chardev commands.

The methods behind commands raise `ChardevError` with QEMU's words. Devices belong to one event
loop's thread.
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
    """Make a device; call its open() to make it usable.

    Args:
        label: The device's label.
        backend: A valid value of QAPI's type ChardevBackend.
        host: The services of the program.
        bases: The devices that a mux may share.
        find_fd: Looks up descriptors by name; the device then owns them. Without it, descriptors
            are given by number.

    Raises:
        ChardevError: If no such device can be made, in QEMU's words.

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
    """The devices of a program by label.

    Attributes:
        are_closed: True once `close` was called.
    """

    def __init__(self, host: Host | None = None) -> None:
        self.host: Final = host or Host()
        self.are_closed: bool = False
        self._devices: dict[str, Chardev] = {}
        self._order = GlibTable()  # QEMU's hash table, whose order query-chardev shows

    def __iter__(self) -> Iterator[Chardev]:
        """Iterate over the devices in the order in which they were made."""
        return iter(tuple(self._devices.values()))

    def __contains__(self, label: object) -> bool:
        return label in self._devices

    def __len__(self) -> int:
        return len(self._devices)

    def get(self, label: str) -> Chardev | None:
        """Return the device with this label, or None."""
        return self._devices.get(label)

    # Operations of a command line

    async def add_described(
        self, description: Description, find_fd: FindFd | None = None
    ) -> Chardev:
        """Make and open the device of an option, and a mux before it if the option has mux=on.

        Args:
            description: The parsed option.
            find_fd: As in `add`, if the description comes from a human monitor's line.

        Raises:
            ChardevError: If the device can't be opened, in QEMU's words.
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

    # Operations of QMP's commands

    async def add(
        self, label: str, backend: JsonObject, find_fd: FindFd | None = None
    ) -> JsonObject:
        """Execute chardev-add.

        Args:
            label: The label of the new device.
            backend: A valid value of QAPI's type ChardevBackend.
            find_fd: Looks up descriptors passed to a monitor, by name.

        Returns:
            A value of QAPI's type ChardevReturn: the path of a new pty.
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
        """Execute chardev-change.

        Spec: QEMU can't change the device of a monitor. A device without a front end is removed and
        added again; it is lost if that fails.
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
        """Execute chardev-remove."""
        device = self._found(label)
        if device.is_busy:
            raise ChardevError(f"Chardev '{label}' is busy")
        self._drop(device)

    def send_break(self, label: str) -> None:
        """Execute chardev-send-break."""
        self._found(label).send_break()

    def query(self) -> list[JsonValue]:
        """Execute query-chardev."""
        return [
            {
                "frontend-open": device.frontend_open,
                "filename": device.filename,
                "label": device.label,
            }
            for device in map(self._devices.__getitem__, reversed(list(self._order)))
        ]

    def query_backends(self) -> list[JsonValue]:
        """Execute query-chardev-backends."""
        return [{"name": name} for name in reversed(BACKENDS)]

    def write_ring(self, label: str, data: str, data_format: str = "utf8") -> None:
        """Execute ringbuf-write."""
        self._ring(label).write_text(data, data_format)

    def read_ring(self, label: str, size: int, data_format: str = "utf8") -> str:
        """Execute ringbuf-read."""
        return self._ring(label).read_text(size, data_format)

    def yankable(self) -> list[str]:
        """Return the labels of the devices that query-yank lists."""
        return [device.label for device in self if device.is_socket]

    def close(self) -> None:
        """Accept no further clients on any device, and restore terminals."""
        self.are_closed = True
        for device in self:
            device.close()

    # Inside

    async def _add(self, label: str, backend: JsonObject, find_fd: FindFd | None = None) -> Chardev:
        if label in self._devices:
            owner = "to object (type 'container')"
            raise ChardevError(f"attempt to add duplicate property '{label}' {owner}")
        if len(self._devices) >= limits.CHARDEVS:
            raise ChardevError(f"there are {limits.CHARDEVS} devices already")
        device = create(label, backend, self.host, bases=self._devices, find_fd=find_fd)
        await device.open()
        if label in self._devices:  # another command took the label while this one connected
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
