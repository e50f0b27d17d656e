"""The kinds of things that a server creates and removes by name, and the comparison of two of them.

A thing is the one that was asked for if it has the same id and the same driver or type. Further
properties are compared as far as the server shows them. Where it shows none, as most of a netdev's,
they count as equal.

Spec: QEMU, blockdev-add, device_add, object-add, netdev_add, chardev-add, Job; for each the query
that lists it.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from qmpeer.client.answers import UNREADABLE, text_of
from qmpeer.client.network_listing import network_lines
from qmpeer.client.server_names import PERIPHERALS
from qmpeer.errors import ConflictError
from qmpeer.messages import redact_arguments
from qmpeer.values import JsonObject, JsonValue


class Kind(NamedTuple):
    """A kind of thing.

    Attributes:
        noun: What it is called in errors.
        id_member: The argument that holds the id.
        type_member: The argument that holds the driver or type.
        add: The command that creates one; "" if there are several.
        remove: The command that removes one.
        container: The QOM object that holds them all, or "".
        prefix: What the QOM type has before the type's name.
    """

    noun: str
    id_member: str
    type_member: str
    add: str
    remove: str
    container: str = ""
    prefix: str = ""

    def removal(self, id: str) -> tuple[str, JsonObject]:
        """Return the command that removes a thing of this kind, and its arguments."""
        return self.remove, {self.id_member: id}


KINDS: Final[Mapping[str, Kind]] = {
    "block-node": Kind("block node", "node-name", "driver", "blockdev-add", "blockdev-del"),
    "chardev": Kind(
        "chardev", "id", "type", "chardev-add", "chardev-remove", "/chardevs", "chardev-"
    ),
    "device": Kind("device", "id", "driver", "device_add", "device_del", PERIPHERALS[0]),
    "job": Kind("job", "job-id", "type", "", "job-dismiss"),
    "netdev": Kind("netdev", "id", "type", "netdev_add", "netdev_del"),
    "object": Kind("object", "id", "qom-type", "object-add", "object-del", "/objects"),
}
"""The kinds, by the names that `AsyncClient.names` has for them."""

_OTHER_NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("device", "ahci"): "ich9-ahci",
    ("device", "lsi"): "lsi53c895a",
    ("netdev", "bridge"): "tap",  # made by a program, and a tap from then on
}
"""Types that a server shows under another name."""
_SUFFIXES: Final = ("-pci", "-ccw")
"""Ends of a device's type that may be left out. QEMU: qdev_alias_table."""
_NETDEV_PROPERTIES: Final = ("hubid", "ifname", "restrict")
"""Options that "info network" shows as they were given."""
JOB_TYPES: Final[Mapping[str, str]] = {
    "block-commit": "commit",
    "block-stream": "stream",
    "blockdev-backup": "backup",
    "blockdev-create": "create",
    "blockdev-mirror": "mirror",
    "drive-backup": "backup",
    "drive-mirror": "mirror",
    "snapshot-delete": "snapshot-delete",
    "snapshot-load": "snapshot-load",
    "snapshot-save": "snapshot-save",
    "x-blockdev-amend": "amend",
}
"""The types of the jobs that commands start. QEMU: JobType."""
DISMISSING: Final = frozenset(
    {"block-commit", "block-stream", "blockdev-backup", "blockdev-mirror", "drive-backup",
     "drive-mirror"}
)  # fmt: skip
"""Commands whose job dismisses itself unless told otherwise."""


def kind_called(name: str) -> Kind:
    """Return the kind of a name.

    Raises:
        ValueError: If there is no such kind.
    """
    if name not in KINDS:
        raise ValueError(f"found {name!r} as a kind, expected one of {', '.join(KINDS)}")
    return KINDS[name]


def check_id(kind: Kind, id: str) -> None:
    """Check that an id is no path: QEMU 10 takes any text as a device's id.

    Raises:
        ValueError: If it has a slash, or is empty.
    """
    if not id or "/" in id:
        raise ValueError(f"found {id!r} as the {kind.noun}'s id, expected one without a slash")


def creation(
    kind: str, id: str, arguments: JsonObject | None, command: str | None
) -> tuple[str, JsonObject]:
    """Return the command that creates a thing, and its arguments.

    Raises:
        ValueError: If the id is a path, the arguments name another id or no type, or the command
            doesn't belong to the kind.
    """
    made = kind_called(kind)
    check_id(made, id)
    given = dict(arguments or {})
    if (given.setdefault(made.id_member, id)) != id:
        found = given[made.id_member]
        raise ValueError(f"found {made.id_member} {found!r} in the arguments, expected {id!r}")
    if kind == "job":
        if command is None:
            raise ValueError("found no command, expected the one that starts the job")
        if command in DISMISSING and given.setdefault("auto-dismiss", False) is not False:
            raise ValueError(
                "found auto-dismiss in the arguments, expected none: a job that dismissed itself "
                "looks like one that never ran"
            )
        return command, given
    if command is not None:
        raise ValueError(f"found command {command!r}, expected one only for a job")
    if type_wanted(kind, given, made.add) is None:
        member = "backend.type" if kind == "chardev" else made.type_member
        raise ValueError(f"found no {member} in the arguments, expected the {made.noun}'s")
    return made.add, given


def type_wanted(kind: str, arguments: JsonObject, command: str) -> str | None:
    """Return the driver or type that arguments ask for; None if it is unknown."""
    if kind == "job":
        return JOB_TYPES.get(command)
    holder: Any = arguments.get("backend") if kind == "chardev" else arguments
    found = holder.get(KINDS[kind].type_member) if isinstance(holder, dict) else None
    return found if isinstance(found, str) else None


def properties_wanted(kind: str, arguments: JsonObject) -> dict[str, JsonValue]:
    """Return the properties that arguments ask for, other than id and type."""
    if kind == "job":
        return {}
    if kind == "chardev":
        return _chardev_properties(arguments.get("backend"))
    given = dict(arguments)
    if kind == "object" and isinstance(props := given.pop("props", None), dict):
        given |= props  # before QEMU 6.0
    if kind == "block-node":
        return _node_properties(given)
    if kind == "netdev":
        return {name: given[name] for name in _NETDEV_PROPERTIES if name in given}
    known = KINDS[kind]
    del given[known.type_member], given[known.id_member]
    return given


def _chardev_properties(backend: Any) -> dict[str, JsonValue]:
    try:
        address = backend["data"]["addr"]
        data = address.get("data", address)
        shown = {"type": address["type"]}
        if "path" in data:
            shown["path"] = data["path"]
        # The server may choose a port, and it shows a service by its number.
        elif str(data["port"]).strip("0").isdecimal() and "to" not in data:
            shown["port"] = data["port"]
    except UNREADABLE:
        return {}
    return {"addr": shown}


def _node_properties(node: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what query-named-block-nodes shows of a node's arguments, in the arguments' names."""
    names = ["cache", "detect-zeroes"]
    if not node.get("auto-read-only"):
        names.append("read-only")
    found = {name: node[name] for name in names if name in node}
    if isinstance(cache := found.get("cache"), dict):
        found["cache"] = {n: v for n, v in cache.items() if n in ("direct", "no-flush")}
    if str(node.get("driver")).startswith("null-") and "size" in node:
        found["size"] = _in_sectors(node["size"])
    child: Any = node
    while isinstance(child, dict):
        if isinstance(child.get("filename"), str):
            found["filename"] = child["filename"]
            break
        child = child.get("file")
    return found


def _in_sectors(size: JsonValue) -> JsonValue:
    return -(-size // 512) * 512 if isinstance(size, int) else size


# What a server shows


def node_in(nodes: Any, id: str) -> dict[str, JsonValue] | None:
    """Return a node in an answer to query-named-block-nodes, in blockdev-add's names, or None."""
    for each in _objects(nodes):
        if each.get("node-name") == id:
            found = {"driver": each.get("drv"), "read-only": each.get("ro")}
            found["detect-zeroes"] = each.get("detect_zeroes")
            found["cache"] = each.get("cache")
            image = each.get("image")
            found["size"] = image.get("virtual-size") if isinstance(image, dict) else None
            file = text_of(each.get("file"))
            # Such a name holds options instead of a file.
            found["filename"] = None if ":" in file.partition("/")[0] else file
            return {name: value for name, value in found.items() if value is not None}
    return None


def netdev_in(listing: Any, id: str) -> dict[str, JsonValue] | None:
    """Return a netdev in an answer to "info network", or None."""
    for line in network_lines(text_of(listing)):
        if line.name == id and line.kind != "nic":
            return {"type": line.kind, **line.options}
    return None


def is_chardev_in(chardevs: Any, id: str) -> bool:
    """Return whether a chardev is in an answer to query-chardev, which doesn't show its type."""
    return any(each.get("label") == id for each in _objects(chardevs))


def type_in(properties: Any, id: str, prefix: str) -> str | None:
    """Return the type of a child in an answer to qom-list, or None if there is no such child."""
    for each in _objects(properties):
        type_name = text_of(each.get("type"))
        if each.get("name") == id and type_name.startswith("child<"):
            return type_name[len("child<") : -1].removeprefix(prefix)
    return None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# Comparison


def compare(
    kind: str, id: str, command: str, arguments: JsonObject, found: Mapping[str, JsonValue]
) -> None:
    """Compare what a server shows of a thing with what was asked for.

    Raises:
        ConflictError: If they differ.
    """
    known = KINDS[kind]
    member = known.type_member
    type_name = type_wanted(kind, arguments, command)
    wanted: JsonObject
    if is_of_another_type(kind, command, arguments, found):
        wanted = {member: type_name}
        paths: list[tuple[str, ...]] = [(member,)]
    else:
        wanted = properties_wanted(kind, arguments)
        paths = [
            (name, *path)
            for name, value in wanted.items()
            if name in found
            for path in _differing(name, value, found[name])
        ]
    if paths:
        # Secrets mustn't get into an error, which may be logged.
        sides = [
            redact_arguments(command, {member: type_name, **values}) for values in (found, wanted)
        ]
        raise ConflictError(
            known.noun,
            id,
            {".".join(path): (_at(sides[0], path), _at(sides[1], path)) for path in paths},
            command,
        )


def _differing(name: str, wanted: JsonValue, found: JsonValue) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the members that differ; an empty path is the value itself."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for member, value in wanted.items():
            for path in _differing(member, value, found.get(member)):
                yield (member, *path)
    elif not _is_same_property(name, wanted, found):
        yield ()


def _at(value: Any, path: tuple[str, ...]) -> JsonValue:
    """Return the value at a path; what is redacted or missing on the way stands for it."""
    for name in path:
        if not isinstance(value, dict):
            break
        value = value.get(name)
    found: JsonValue = value
    return found


def is_of_another_type(
    kind: str, command: str, arguments: JsonObject, found: Mapping[str, JsonValue]
) -> bool:
    """Return whether a server shows a driver or type that wasn't asked for."""
    wanted, shown = type_wanted(kind, arguments, command), found.get(KINDS[kind].type_member)
    if wanted is None or shown is None:
        return False
    names = {wanted, _OTHER_NAMES.get((kind, wanted), wanted)}
    if kind == "device":
        names |= {wanted + suffix for suffix in _SUFFIXES}
    return shown not in names


def _is_same_property(name: str, wanted: JsonValue, found: JsonValue) -> bool:
    match name:
        case "addr" if _devfn(wanted) == found:
            return True
        case "drive" if found == "":  # of a usb-storage, which hands it on to its disk
            return True
        case "mac" if isinstance(wanted, str) and isinstance(found, str):
            return wanted.lower().replace("-", ":") == found.lower()
    return _is_same(wanted, found)


def _devfn(text: JsonValue) -> int | None:
    """Return the number by which the server shows an address on a PCI bus."""
    slot, _, function = str(text).partition(".")
    try:
        return int(slot, 16) << 3 | int(function or "0", 16)
    except ValueError:
        return None


def _is_same(wanted: JsonValue, found: JsonValue) -> bool:
    """Compare two values as QEMU does: a number or a boolean may be given as text."""
    match wanted, found:
        case list(), list():
            return len(wanted) == len(found) and all(map(_is_same, wanted, found))
        case dict(), dict():
            return not any(_differing("", wanted, found))
        case str(), str():
            # What was given by its id may be shown by its path.
            return wanted in (found, found.rpartition("/")[2], "auto")
    if isinstance(wanted, str | int | float) and isinstance(found, str | int | float):
        return _as_text(wanted) == _as_text(found)
    return wanted == found


_NUMBER: Final = re.compile(
    r"0x(?P<hex>[0-9a-f]{1,16})|(?P<dec>[0-9]{1,20}(\.[0-9]{1,20})?)(?P<unit>[bkmgtpe])?"
)
_WORDS: Final = {"true": "on", "yes": "on", "y": "on", "false": "off", "no": "off", "n": "off"}


def _as_text(value: str | float) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value).lower()
    if number := _NUMBER.fullmatch(text):
        if number["hex"]:
            return str(int(number["hex"], 16))
        return str(int(Fraction(number["dec"]) * 1024 ** "bkmgtpe".index(number["unit"] or "b")))
    return _WORDS.get(text, text)
