"""Names of a server's block nodes, devices, jobs, …, for completion.

Each kind of name has several source commands, the best first; the first one that the server has is
used. `kind_of` returns the kind of name that an argument takes: the schema only declares a string.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from qmpeer import limits
from qmpeer.client.answers import UNREADABLE
from qmpeer.client.network_listing import INFO_NETWORK, network_lines
from qmpeer.values import JsonObject

Source = tuple[str, JsonObject | None, Callable[[Any], Iterable[Any]]]


# Reading replies


def _members(name: str) -> Callable[[Any], Iterable[Any]]:
    def read(answer: Any) -> Iterator[Any]:
        for each in answer:
            if isinstance(each, dict):
                yield each.get(name)

    return read


def _inserted_nodes(blocks: Any) -> Iterator[Any]:
    for block in blocks:
        yield block.get("inserted", {}).get("node-name")


def _bitmaps(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        for bitmap in node.get("dirty-bitmaps", ()):
            yield bitmap.get("name")


def _children(properties: Any) -> Iterator[Any]:
    for each in properties:
        if str(each.get("type", "")).startswith("child<"):
            yield each.get("name")


def _pci_devices(buses: Any) -> Iterator[Any]:
    for bus in buses:
        for device in bus.get("devices", ()):
            yield device.get("qdev_id")
            yield from _pci_devices([device.get("pci_bridge") or {}])


def _events(entities: Any) -> Iterator[Any]:
    for entity in entities:
        if entity.get("meta-type") == "event":
            yield entity.get("name")


def _netdevs(text: Any) -> Iterator[Any]:
    return (line.name for line in network_lines(str(text)) if line.kind != "nic")


PERIPHERALS: Final = ("/machine/peripheral", "/machine/peripheral-anon")
"""The QOM paths of the containers of devices: those with an id, and the others."""

_BLOCK_NODES: tuple[Source, ...] = (
    ("query-named-block-nodes", {"flat": True}, _members("node-name")),
    ("query-named-block-nodes", None, _members("node-name")),  # before 5.0
    ("query-block", None, _inserted_nodes),
)

KINDS: dict[str, tuple[Source, ...]] = {
    "block-export": (("query-block-exports", None, _members("id")),),
    "block-node": _BLOCK_NODES,
    "chardev": (("query-chardev", None, _members("label")),),
    "chardev-backend": (("query-chardev-backends", None, _members("name")),),
    "command": (("query-commands", None, _members("name")),),
    "device": (
        ("qom-list", {"path": PERIPHERALS[0]}, _children),
        ("query-pci", None, _pci_devices),
    ),
    "device-type": (
        ("qom-list-types", {"implements": "device", "abstract": False}, _members("name")),
    ),
    "dirty-bitmap": (
        ("query-named-block-nodes", {"flat": True}, _bitmaps),
        ("query-named-block-nodes", None, _bitmaps),
    ),
    "drive": (("query-block", None, _members("device")),),
    "drive-device": (
        ("query-block", None, _members("qdev")),
    ),  # ids, or QOM paths of devices without an id
    "event": (("query-qmp-schema", None, _events),),
    "iothread": (("query-iothreads", None, _members("id")),),
    "job": (
        ("query-jobs", None, _members("id")),
        ("query-block-jobs", None, _members("device")),
    ),
    "memory-backend": (("query-memdev", None, _members("id")),),
    "netdev": (("human-monitor-command", INFO_NETWORK, _netdevs),),
    "object": (("qom-list", {"path": "/objects"}, _children),),
    "qom-path": (("qom-list", None, _children),),
    "qom-property": (("qom-list", None, _members("name")),),
    "qom-type": (("qom-list-types", None, _members("name")),),
}
"""The kinds of names, with the commands that list them."""


def sources_of(kind: str, within: str) -> Iterator[Source]:
    """Yield the commands that list the names of a kind, the best first.

    Args:
        kind: One of KINDS.
        within: The QOM path whose children or properties to list, for "qom-path" and
            "qom-property".

    Raises:
        ValueError: If the kind is unknown.
    """
    if kind not in KINDS:
        known = ", ".join(sorted([*KINDS, "block"]))
        raise ValueError(f"found {kind!r} as a kind of names, expected one of {known}")
    for command, arguments, read in KINDS[kind]:
        is_path = kind in ("qom-path", "qom-property")
        yield command, {"path": within or "/"} if is_path else arguments, read


def names_in(answer: Any, read: Callable[[Any], Iterable[Any]]) -> list[str]:
    """Return the names in an answer, sorted; reading stops at the first unexpected value."""
    found: set[str] = set()
    try:
        for name in read(answer):
            if isinstance(name, str) and name:
                found.add(name)
    except UNREADABLE:
        pass
    # Generated names ("#block123") are sorted last.
    return sorted(found, key=lambda name: (name.startswith("#"), by_number(name)))[: limits.NAMES]


def by_number(name: str) -> list[Any]:
    """Return a sort key that orders the numbers in names by value."""
    return [int(p) if n % 2 else p for n, p in enumerate(re.split(r"(\d{1,18})", name))]


# Arguments

_NEW = None
_OF_COMMANDS: dict[tuple[str, str], str | None] = {
    ("block-export-add", "id"): _NEW,
    ("block-export-del", "id"): "block-export",
    ("block-latency-histogram-set", "id"): "drive-device",
    ("blockdev-add", "node-name"): _NEW,
    ("blockdev-snapshot-sync", "snapshot-node-name"): _NEW,
    ("chardev-add", "id"): _NEW,
    ("chardev-change", "id"): "chardev",
    ("chardev-remove", "id"): "chardev",
    ("chardev-send-break", "id"): "chardev",
    ("device-list-properties", "typename"): "device-type",
    ("device_add", "driver"): "device-type",
    ("device_add", "id"): _NEW,
    ("device_del", "id"): "device",
    ("netdev_add", "id"): _NEW,
    ("netdev_del", "id"): "netdev",
    ("object-add", "id"): _NEW,
    ("object-del", "id"): "object",
    ("qom-list-properties", "typename"): "qom-type",
    ("qom-list-types", "implements"): "qom-type",
    ("ringbuf-read", "device"): "chardev",
    ("ringbuf-write", "device"): "chardev",
    ("set_link", "name"): "netdev",
}
_OF_FAMILIES: tuple[tuple[re.Pattern[str], dict[str, str | None]], ...] = (
    (re.compile(r"job-"), {"id": "job"}),
    (re.compile(r"block-job-"), {"device": "job", "id": "job"}),
    (
        re.compile(r"eject|blockdev-.*(tray|medium)|block_set_io_throttle"),
        {"id": "drive-device", "device": "drive"},
    ),
    (re.compile(r"block_resize|blockdev-snapshot-sync"), {"device": "drive"}),
    (re.compile(r"block-dirty-bitmap-add"), {"name": _NEW, "node": "block"}),
    (re.compile(r"block-dirty-bitmap-"), {"name": "dirty-bitmap", "node": "block"}),
    (re.compile(r"qom-"), {"path": "qom-path", "property": "qom-property"}),
    (
        re.compile(r"block|drive-|change-backing-file|nbd-server-add|x-blockdev"),
        {"device": "block"},
    ),
)
_OF_MEMBERS: dict[str, str] = {
    "backing": "block-node",
    "base-node": "block-node",
    "bitmap": "dirty-bitmap",
    "chardev": "chardev",
    "drive": "block-node",
    "file": "block-node",
    "filename": "file",
    "iothread": "iothread",
    "memdev": "memory-backend",
    "netdev": "netdev",
    "node": "block-node",
    "node-name": "block-node",
    "overlay": "block-node",
    "qom-path": "qom-path",
    "replaces": "block-node",
    "target": "block-node",
    "top-node": "block-node",
}


def kind_of(command: str, path: str) -> str | None:
    """Return the kind of name that an argument takes; None if it doesn't name an existing object.

    Args:
        command: The command's name.
        path: The argument's dotted path: "node-name", "file.filename", "actions.0.data.device".

    Returns:
        A kind that `Client.names` accepts ("block" is a node or a drive), or "file".

    Example:
        >>> kind_of("blockdev-add", "node-name"), kind_of("blockdev-del", "node-name")
        (None, 'block-node')
        >>> kind_of("block-job-cancel", "device"), kind_of("blockdev-backup", "target")
        ('job', 'block-node')
        >>> kind_of("blockdev-add", "file.filename")
        'file'
    """
    member = path.rpartition(".")[2]
    if path == member:
        if (command, member) in _OF_COMMANDS:
            return _OF_COMMANDS[command, member]
        for pattern, kinds in _OF_FAMILIES:
            if pattern.match(command) and member in kinds:
                return kinds[member]
    elif command == "blockdev-add" and member == "node-name":
        return _NEW  # nodes within nodes are new as well
    if command.startswith("drive-") and member == "target":
        return "file"
    return _OF_MEMBERS.get(member)


def chardev_address(label: str, chardevs: list[dict[str, Any]]) -> str:
    """Return the address of a character device that listens for a connection.

    Raises:
        ValueError: If the device doesn't listen on a socket.

    Example:
        >>> chardev_address("ga", [{"label": "ga", "filename": "disconnected:unix:/ga,server=on"}])
        'unix:/ga'
    """
    filename = next((str(c.get("filename")) for c in chardevs if c.get("label") == label), "")
    address, _, options = filename.removeprefix("disconnected:").partition(",")
    if address.startswith(("unix:", "tcp:")) and options.startswith("server"):
        return address
    raise ValueError(f"found {filename!r} behind the agent's port, expected a server's socket")
