"""The parts of a plugged device: which commands add and remove each, and how they are joined.

A *backend* is the host's half of a device: a block node, a network back end, a character device or
an object. Each is added by a command of its own, before the device, and removed after it.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.client.answers import UNREADABLE, read_answer, text_of
from qmpeer.client.network_listing import INFO_NETWORK, network_lines
from qmpeer.client.server_names import by_number
from qmpeer.errors import CommandError
from qmpeer.messages import Event
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
        return f"{_KINDS[self.kind].words} {self.name}"


class _Kind(NamedTuple):
    """The commands for one kind of part.

    Attributes:
        words: What people call it.
        add: The command that adds one.
        remove: The command that removes one.
        member: The argument of both that holds its name.
        marker: The argument of `add` that only this kind has.
    """

    words: str
    add: str
    remove: str
    member: str
    marker: str


_KINDS: Final[Mapping[str, _Kind]] = {
    # In this order: objects have properties of any name.
    "object": _Kind("object", "object-add", "object-del", "id", "qom-type"),
    "block-node": _Kind("block node", "blockdev-add", "blockdev-del", "node-name", "driver"),
    "chardev": _Kind("chardev", "chardev-add", "chardev-remove", "id", "backend"),
    "netdev": _Kind("netdev", "netdev_add", "netdev_del", "id", "type"),
    "device": _Kind("device", "device_add", "device_del", "id", ""),
}
_LINKS: Final[Mapping[str, str]] = {"block-node": "drive", "netdev": "netdev", "chardev": "chardev"}
"""The device's property that names a backend, by the backend's kind."""
_OBJECT_LINKS: Final[Mapping[str, str]] = {
    "memory-backend-": "memdev",
    "rng-": "rng",
    "cryptodev-": "cryptodev",
    "iothread": "iothread",
}
"""The same for an object, by the beginning of its type."""
KIND_OF_PROPERTY: Final[Mapping[str, str]] = {
    "drive": "block-node",
    "netdev": "netdev",
    "chardev": "chardev",
    "memdev": "object",
    "rng": "object",
    "cryptodev": "object",
}
"""The kinds of backends that a device has for itself. An iothread may serve many devices."""
FLAT_OBJECTS: Final = 6
"""The first release of QEMU whose object-add takes properties beside "id", not in "props"."""
_PENDING: Final = "in the process of unplug"
"""In a refusal of device_del because an earlier request is pending: QEMU 6.0 and newer."""
_BUSY: Final = "power indicator blinking"
"""In a refusal because the guest is powering a PCI Express slot up or down: QEMU 6.2 and newer."""
_EJECTIONS: Final = (3, 0x103)
"""Sources of a status: an ejection that the machine or the guest has asked for. ACPI 6.5, _OST."""
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
        type: Its driver or type; "" if a server doesn't list that.
        arguments: The arguments of the command that adds it.
    """

    kind: str
    name: str
    type: str
    arguments: JsonObject

    def __str__(self) -> str:
        return f"{_KINDS[self.kind].words} {self.name}"

    @property
    def command(self) -> str:
        """The command that adds it."""
        return _KINDS[self.kind].add

    @property
    def backend(self) -> DeviceBackend:
        """Its name, as a backend."""
        return DeviceBackend(self.kind, self.name)


def removal(kind: str, name: str) -> tuple[str, JsonObject]:
    """Return the command that removes a part, and its arguments."""
    commands = _KINDS[kind]
    return commands.remove, {commands.member: name}


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
        if link and not any(_mentions(later.arguments, part.name) for later in parts[number + 1 :]):
            links[link] = part.name
    return [*parts, device_part({**device, **{k: v for k, v in links.items() if k not in device}})]


def device_part(device: Mapping[str, JsonValue]) -> Part:
    """Return the part for a device; an id is made if there is none."""
    return _part("device", device, str(device["driver"]))


def add_command(given: Mapping[str, JsonValue]) -> tuple[str, str]:
    """Return the command that adds a backend with these arguments, and the argument that names it.

    Raises:
        ValueError: If they aren't those of a backend.

    Example:
        >>> add_command({"driver": "null-co"})
        ('blockdev-add', 'node-name')
    """
    kind = _KINDS[_kind_of(given)]
    return kind.add, kind.member


def _kind_of(given: Mapping[str, JsonValue]) -> str:
    for kind, commands in _KINDS.items():
        if commands.marker and commands.marker in given:
            return kind
    raise ValueError(
        f"found a backend with the members {_names(given)}, expected one of driver (block node), "
        "type (netdev), backend (chardev) and qom-type (object)"
    )


def _backend_part(given: Mapping[str, JsonValue], release: int | None) -> Part:
    kind = _kind_of(given)
    part = _part(kind, given, str(given[_KINDS[kind].marker]))
    if kind == "object":
        return part._replace(arguments=_object_arguments(part.arguments, release))
    return part._replace(type="") if kind == "chardev" else part


def _part(kind: str, given: Mapping[str, JsonValue], type_name: str) -> Part:
    member = _KINDS[kind].member
    name = given.get(member)
    if name is None:
        name = new_name()
    elif not isinstance(name, str):
        raise ValueError(f"found {name!r} as {member}, expected a string")
    elif not name or "/" in name:  # QEMU 10 adds such a device, but can't remove it
        raise ValueError(f"found {name!r} as {member}, expected a name without a slash")
    return Part(kind, name, type_name, {**given, member: name})


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
    if part.kind != "object":
        return _LINKS[part.kind]
    return next((_OBJECT_LINKS[each] for each in _OBJECT_LINKS if part.type.startswith(each)), None)


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
    return [device_part({"driver": slot.type, **slot.props}) for slot in free[:count]]


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


def is_hint(event: Event, path: str) -> bool:
    """Return whether an event is a reason to look whether the device at a path is gone."""
    if event.name == "DEVICE_DELETED":
        return text_of(event.data.get("path")).startswith(f"{path}/")
    info = event.data.get("info")
    return (
        event.name == "ACPI_DEVICE_OST"
        and isinstance(info, dict)
        and info.get("source") in _EJECTIONS
        and info.get("status") == 0
    )


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


def listed(kind: str, answer: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the type of each part in the answer to the query of LISTS.

    Reading stops at the first value of another form.
    """
    try:
        if kind == "netdev":
            for line in network_lines(answer):
                if line.kind != "nic":
                    yield line.name, line.kind
            return
        for each in answer:
            if kind == "block-node":
                yield text_of(each["node-name"]), text_of(each["drv"])
            elif kind == "chardev":
                yield text_of(each["label"]), ""
            elif each["type"].startswith("child<"):
                type_name = each["type"].removeprefix("child<").removesuffix(">")
                yield text_of(each["name"]), type_name
    except UNREADABLE:
        pass


LISTS: Final[Mapping[str, tuple[str, JsonObject | None]]] = {
    "block-node": ("query-named-block-nodes", None),
    "chardev": ("query-chardev", None),
    "device": ("qom-list", {"path": "/machine/peripheral"}),
    "netdev": ("human-monitor-command", INFO_NETWORK),
    "object": ("qom-list", {"path": "/objects"}),
}
"""The query that lists the parts of each kind."""


def backend_in(name: str, value: JsonValue) -> DeviceBackend | None:
    """Return the backend that a device's property names, or None.

    Args:
        name: The property's name.
        value: Its value.

    Example:
        >>> backend_in("memdev", "/objects/ram1")
        DeviceBackend(kind='object', name='ram1')
    """
    kind = KIND_OF_PROPERTY.get(name)
    if kind is None or not isinstance(value, str):
        return None
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
