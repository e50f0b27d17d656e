"""The parts of a plugged device: how they are named, ordered and joined.

A *backend* is the host's half of a device: a block node, a network back end, a character device or
an object. Each is added by a command of its own, before the device, and removed after it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.client.answers import read_answer
from qmpeer.client.existence import KINDS, type_wanted
from qmpeer.client.server_names import by_number
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject, JsonValue

Backends: TypeAlias = Mapping[str, JsonValue] | Sequence[Mapping[str, JsonValue]]
"""One backend as the arguments of the command that adds it, or several in their order."""


class DeviceBackend(msgspec.Struct, frozen=True):
    """The name of a backend: the host's half of a device.

    Attributes:
        kind: "block-node", "object", "netdev" or "chardev".
        name: Its node-name or id.

    Example:
        >>> str(DeviceBackend("block-node", "disk0"))
        'block node disk0'
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{KINDS[self.kind].noun} {self.name}"


_MARKERS: Final[Mapping[str, str]] = {
    # In this order: objects have properties of any name.
    "qom-type": "object",
    "driver": "block-node",
    "backend": "chardev",
    "type": "netdev",
}
"""The argument that only one kind of backend has."""
_LINKS: Final[Mapping[str, tuple[str, str]]] = {
    "drive": ("block-node", ""),
    "netdev": ("netdev", ""),
    "chardev": ("chardev", ""),
    "memdev": ("object", "memory-backend-"),
    "rng": ("object", "rng-"),
    "cryptodev": ("object", "cryptodev-"),
    "iothread": ("object", "iothread"),
}
"""A device's property that names a backend: the backend's kind, and the beginning of its type."""
OWNING_PROPERTIES: Final = tuple(name for name in _LINKS if name != "iothread")
"""Those for a backend that the device has for itself. An iothread may serve many devices."""
FLAT_OBJECTS: Final = 6
"""The first release of QEMU whose object-add takes properties beside "id", not in "props"."""
_PENDING: Final = "in the process of unplug"
"""In a refusal of device_del because an earlier request is pending: QEMU 6.0 and newer."""
_BUSY: Final = "power indicator blinking"
"""In a refusal because the guest is powering a PCI Express slot up or down: QEMU 6.2 and newer."""
NO_MEMORY: Final = (
    "memory can be plugged if QEMU was started with free slots and space, "
    "such as -m 1G,slots=4,maxmem=8G"
)
"""The hint for a refused memory device."""


class Part(NamedTuple):
    """A device or a backend, and the command that adds it.

    Attributes:
        kind: "device", or the kind of a backend.
        name: Its id or node-name.
        arguments: The arguments of the command that adds it.
    """

    kind: str
    name: str
    arguments: JsonObject

    def __str__(self) -> str:
        return f"{KINDS[self.kind].noun} {self.name}"

    @property
    def command(self) -> str:
        """The command that adds it."""
        return KINDS[self.kind].add

    @property
    def backend(self) -> DeviceBackend:
        """Its name, as a backend."""
        return DeviceBackend(self.kind, self.name)


def parts_of(
    device: Mapping[str, JsonValue], backends: Backends, release: int | None
) -> list[Part]:
    """Return a device and its backends in the order in which they are added, the device last.

    Args:
        device: The arguments of device_add. An id is made if there is none, and a property that
            names a backend is filled in from the last backend of that kind.
        backends: The arguments of the commands that add the backends. Names are made as well.
        release: The major release of the QEMU that runs the commands; None if it isn't known.

    Raises:
        ValueError: If a backend isn't recognized, or the device has no driver.

    Example:
        >>> node = {"driver": "null-co", "node-name": "n0"}
        >>> for part in parts_of({"driver": "scsi-hd", "id": "d0"}, node, 7):
        ...     print(part.command, part.arguments)
        blockdev-add {'driver': 'null-co', 'node-name': 'n0'}
        device_add {'driver': 'scsi-hd', 'id': 'd0', 'drive': 'n0'}
    """
    if not isinstance(device.get("driver"), str):
        raise ValueError(f"found a device with the members {_names(device)}, expected a driver")
    given = (backends,) if isinstance(backends, Mapping) else backends
    parts = [_backend_part(each, release) for each in given]
    links: JsonObject = {}
    for number, part in enumerate(parts):
        link = _link_to(part)
        # A backend that another one uses isn't the device's: the chardev of a vhost-user netdev.
        is_used = any(_mentions(later.arguments, part.name) for later in parts[number + 1 :])
        if link and link not in device and not is_used:
            links[link] = part.name
    return [*parts, _part("device", {**device, **links})]


def add_command(given: Mapping[str, JsonValue]) -> tuple[str, str]:
    """Return the command that adds a backend with these arguments, and the argument that names it.

    Raises:
        ValueError: If they aren't those of a backend.

    Example:
        >>> add_command({"driver": "null-co"})
        ('blockdev-add', 'node-name')
    """
    kind = KINDS[_kind_of(given)]
    return kind.add, kind.id_member


def _kind_of(given: Mapping[str, JsonValue]) -> str:
    for member, kind in _MARKERS.items():
        if member in given:
            return kind
    raise ValueError(
        f"found a backend with the members {_names(given)}, expected one of driver (block node), "
        "type (netdev), backend (chardev) and qom-type (object)"
    )


def _backend_part(given: Mapping[str, JsonValue], release: int | None) -> Part:
    part = _part(_kind_of(given), given)
    if part.kind == "object":
        return part._replace(arguments=_object_arguments(part.arguments, release))
    return part


def _part(kind: str, given: Mapping[str, JsonValue]) -> Part:
    """Return a part with these arguments; an id or node-name is made if there is none."""
    member = KINDS[kind].id_member
    name = given.get(member)
    if name is None:
        name = new_name()
    elif not isinstance(name, str):
        raise ValueError(f"found {name!r} as {member}, expected a string")
    elif not name or "/" in name:  # QEMU 10 adds such a device, but can't remove it
        raise ValueError(f"found {name!r} as {member}, expected a name without a slash")
    return Part(kind, name, {**given, member: name})


def new_name() -> str:
    """Return a random name, which can't clash with that of another client."""
    return f"qmpeer-{os.urandom(6).hex()}"


def _object_arguments(given: JsonObject, release: int | None) -> JsonObject:
    """Return the arguments of object-add in the form that a release takes."""
    own = {name: given[name] for name in ("qom-type", "id")}
    properties = {name: value for name, value in given.items() if name not in own}
    if release is None:
        return given
    if release < FLAT_OBJECTS:
        if not properties or "props" in properties:
            return given
        return {**own, "props": properties}
    nested = properties.pop("props", {})
    return {**own, **properties, **(nested if isinstance(nested, dict) else {"props": nested})}


def _link_to(part: Part) -> str | None:
    type_name = type_wanted(part.kind, part.arguments, part.command) or ""
    for name, (kind, beginning) in _LINKS.items():
        if kind == part.kind and type_name.startswith(beginning):
            return name
    return None


def _mentions(value: JsonValue, name: str) -> bool:
    waiting = [value]
    for each in waiting:  # not a recursion: the caller's values may be nested too deep for one
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        elif each == name:
            return True
    return False


def _names(members: Iterable[str]) -> str:
    return ", ".join(map(repr, members)) or "(none)"


# Processors and memory


class _CpuSlot(msgspec.Struct, frozen=True, rename="kebab"):
    """An element of query-hotpluggable-cpus."""

    type: str
    props: dict[str, Any]
    qom_path: str | None = None


def cpu_parts(answer: object, count: int) -> list[Part]:
    """Return parts for processors in the first free slots.

    Args:
        answer: The answer to query-hotpluggable-cpus.
        count: The number of slots to fill.

    Raises:
        ValueError: If fewer are free.
        AnswerError: If the answer has another form.
    """
    slots = read_answer("query-hotpluggable-cpus", answer, list[_CpuSlot], "a list of slots")
    free = sorted((slot for slot in slots if slot.qom_path is None), key=_place)
    if not 1 <= count <= len(free):
        raise ValueError(
            f"found {len(free)} free slots for processors, of {len(slots)}, expected {count}: "
            "QEMU's -smp 1,maxcpus=4 makes four slots"
        )
    return [_part("device", {"driver": slot.type, **slot.props}) for slot in free[:count]]


def _place(slot: _CpuSlot) -> list[Any]:
    """Return a sort key: socket before core before thread."""
    members = ("drawer-id", "book-id", "node-id", "socket-id", "die-id", "cluster-id",
               "module-id", "core-id", "thread-id")  # fmt: skip
    return [by_number(str(slot.props.get(member, 0))) for member in members]


def memory_parts(
    size: int,
    device: Mapping[str, JsonValue],
    backend: Mapping[str, JsonValue],
    release: int | None,
) -> list[Part]:
    """Return the parts of a memory device: an object for the memory, and the device."""
    memory: JsonObject = {"qom-type": "memory-backend-ram", "size": size, **backend}
    return parts_of({"driver": "pc-dimm", **device}, memory, release)


# Answers


def is_pending(error: CommandError) -> bool:
    """Return whether device_del was refused because the guest was asked already."""
    return _PENDING in error.desc


def is_busy(error: CommandError) -> bool:
    """Return whether device_del was refused because the guest is busy with the device's slot."""
    return _BUSY in error.desc


def leaving_with(path: str, buses: Mapping[str, str]) -> list[str]:
    """Return the paths of a device that goes and of those on its buses, at any depth.

    Args:
        path: The device's path.
        buses: The path of the bus of each device, by the device's path.

    Example:
        >>> leaving_with("/port", {"/nic": "/port/bus.0", "/port": "/pci", "/disk": "/pci"})
        ['/port', '/nic']
    """
    held_by: dict[str, list[str]] = {}
    for device, bus in buses.items():
        *above, _ = bus.split("/", limits.QOM_DEPTH)
        for holder in accumulate(above, "{}/{}".format):
            held_by.setdefault(holder, []).append(device)
    leaving = {path: None}
    waiting = [path]
    for each in waiting:
        found = [device for device in held_by.get(each, ()) if device not in leaving]
        leaving |= dict.fromkeys(found)
        waiting += found
    return waiting


def backend_in(name: str, value: JsonValue) -> DeviceBackend | None:
    """Return the backend that a device's property names, or None.

    Args:
        name: The property's name.
        value: Its value.

    Example:
        >>> backend_in("memdev", "/objects/ram1")
        DeviceBackend(kind='object', name='ram1')
    """
    if name not in OWNING_PROPERTIES or not isinstance(value, str):
        return None
    kind, _ = _LINKS[name]
    if kind == "object":  # a link; the device itself made one that is elsewhere
        before, _, value = value.rpartition("/")
        if before != "/objects":
            return None
    # A name with "#" was made by QEMU: nobody can remove that.
    return DeviceBackend(kind, value) if value and not value.startswith("#") else None


def sentence(parts: Iterable[object]) -> str:
    """Return parts as words of a sentence.

    Example:
        >>> sentence(["a", "b", "c"])
        'a, b and c'
    """
    *first, last = [str(part) for part in parts]
    return f"{', '.join(first)} and {last}" if first else last
