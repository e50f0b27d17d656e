"""The machine's tree of objects (QOM): types, properties and children.

Spec: QEMU 7.2 with ``-machine none``. [Of credentials and devices only the type is shown.]
"""

from collections.abc import Collection, Mapping
from typing import Final

from qmpeer.chardev import BACKENDS, Chardevs
from qmpeer.errors import CommandError
from qmpeer.messages import qemu_texts
from qmpeer.options.objects import Objects, Properties
from qmpeer.values import JsonObject, JsonValue

_FIXED: Final = {
    "/": "container",
    "/machine": "none-machine",
    "/machine/peripheral-anon": "container",
    "/machine/peripheral": "container",
    "/machine/unattached": "container",
    "/machine/unattached/io[0]": "memory-region",
    "/machine/unattached/system[0]": "memory-region",
    "/machine/unattached/sysbus": "System",
}
"""The objects that always exist, and their types."""
_MACHINE_PATH: Final = "/machine"
_ONE: Final = ("cpus", "maxcpus", "threads", "cores", "dies", "sockets", "clusters")
_MACHINE: Final[Properties] = {
    "kernel": ("string", ""),
    "dt-compatible": ("string", ""),
    "boot": ("BootConfiguration", {"order": ""}),
    "memory": ("MemorySizeConfiguration", {"size": 0}),
    "initrd": ("string", ""),
    "confidential-guest-support": ("link<confidential-guest-support>", ""),
    "graphics": ("bool", False),
    "usb": ("bool", False),
    "firmware": ("string", ""),
    "memory-encryption": ("string", ""),
    "smp": ("SMPConfiguration", dict.fromkeys(_ONE, 1)),
    "dump-guest-core": ("bool", True),
    "phandle-start": ("int", 0),
    "dumpdtb": ("string", ""),
    "memory-backend": ("link<memory-backend>", ""),
    "dtb": ("string", ""),
    "mem-merge": ("bool", True),
    "append": ("string", ""),
    "suppress-vmdesc": ("bool", False),
}
"""The types and values of the machine's own properties."""
_ABSTRACT: Final[Mapping[str, str | None]] = {
    "object": None,
    "interface": None,
    "user-creatable": "interface",
    "authz": "object",
    "bus": "object",
    "chardev": "object",
    "chardev-fd": "chardev",
    "machine": "object",
    "monitor": "object",
    "secret_common": "object",
    "tls-creds": "object",
}
"""Types without objects of their own, with their parents."""
_PARENTS: Final = {
    "authz-list": "authz",
    "authz-simple": "authz",
    "container": "object",
    "memory-region": "object",
    "monitor-hmp": "monitor",
    "monitor-qmp": "monitor",
    "none-machine": "machine",
    "secret": "secret_common",
    "System": "bus",
    "tls-creds-anon": "tls-creds",
    "tls-creds-psk": "tls-creds",
    "tls-creds-x509": "tls-creds",
    "chardev-file": "chardev-fd",
    "chardev-memory": "chardev-ringbuf",
    "chardev-pipe": "chardev-fd",
    "chardev-serial": "chardev-fd",
    "chardev-stdio": "chardev-fd",
}
"""The parents of the other types; that of most devices is "chardev".

[QEMU 11.1's parent of monitors isn't known.]
"""
_CREATABLE: Final = "user-creatable"


class ObjectTree:
    """The tree of objects.

    Args:
        objects: The objects of -object and object-add.
        chardevs: The character devices.
        creatable: The types of objects that object-add makes.
    """

    def __init__(self, objects: Objects, chardevs: Chardevs, creatable: Collection[str]) -> None:
        self._objects = objects
        self._chardevs = chardevs
        self._creatable = creatable

    def types(self) -> dict[str, str]:
        """Return the types of all objects by their paths, parents before children."""
        found = dict(_FIXED)
        if names := self._objects.types:
            found["/objects"] = "container"
            found.update({f"/objects/{name}": kind for name, kind in names.items()})
        if len(self._chardevs):
            found["/chardevs"] = "container"
            for device in self._chardevs:
                found[f"/chardevs/{device.label}"] = f"chardev-{device.kind}"
        return found

    def find(self, path: str) -> str:
        """Return the full path for itself, or for its end if only one object has that.

        Raises:
            CommandError: If no object or several match.
        """
        found = self._matches(path)
        if len(found) != 1:
            raise CommandError("DeviceNotFound", qemu_texts.unknown_device(path))
        return found[0]

    def children(self, path: str) -> dict[str, str]:
        """Return the types of an object's children by their names, given its full path."""
        start = path.rstrip("/") + "/"
        return {
            known[len(start) :]: kind
            for known, kind in self.types().items()
            if known.startswith(start) and known != "/" and "/" not in known[len(start) :]
        }

    def properties(self, path: str) -> Properties:
        """Return the properties of an object, its children included, given its full path."""
        parent, _, name = path.rpartition("/")
        own: Properties = {}
        if path == _MACHINE_PATH:
            own = _MACHINE
        elif parent == "/objects":
            own = self._objects.properties(name)
        start = path.rstrip("/")
        below = self.children(path).items()
        children: Properties = {
            child: (f"child<{kind}>", f"{start}/{child}") for child, kind in below
        }
        return {"type": ("string", self.types()[path]), **own, **children}

    def qom_list(self, path: str) -> list[JsonObject]:
        """List an object's properties with their types."""
        if len(self._matches(path)) > 1:
            raise CommandError("GenericError", f"Path '{path}' is ambiguous")
        properties = self.properties(self.find(path))
        return [{"name": name, "type": kind} for name, (kind, _) in properties.items()]

    def qom_get(self, path: str, property: str) -> JsonValue:
        """Return the value of an object's property."""
        found = self.find(path)
        properties = self.properties(found)
        if property not in properties:
            why = f"Property '{self.types()[found]}.{property}' not found"
            raise CommandError("GenericError", why)
        return properties[property][1]

    def qom_list_types(
        self, implements: str | None = None, abstract: bool = False
    ) -> list[JsonObject]:
        """List the types of objects, or those that extend or implement one type."""
        kinds = {*_FIXED.values(), *self._creatable, *(f"chardev-{kind}" for kind in BACKENDS)}
        lineages = {kind: self._lineage(kind) for kind in sorted(kinds)}
        if abstract:
            above = {ancestor for lineage in lineages.values() for ancestor in lineage}
            lineages.update({kind: self._lineage(kind) for kind in sorted(above - kinds)})
        return [
            _type_info(kind)
            for kind, lineage in lineages.items()
            if implements is None or implements in lineage
        ]

    def _lineage(self, kind: str) -> list[str]:
        """Return a type and those that it extends or implements."""
        found = []
        above: str | None = kind
        while above is not None:
            found.append(above)
            above = _parent(above)
        return found + self._lineage(_CREATABLE) if kind in self._creatable else found

    def _matches(self, path: str) -> list[str]:
        parts = "".join(f"/{part}" for part in path.split("/") if part)
        if path.startswith("/"):
            return [known for known in self.types() if known == (parts or "/")]
        return [known for known in self.types() if known.endswith(parts)]


def _parent(kind: str) -> str | None:
    if kind in _ABSTRACT:
        return _ABSTRACT[kind]
    return _PARENTS.get(kind, "chardev")


def _type_info(kind: str) -> JsonObject:
    info: JsonObject = {"name": kind}
    if kind in _ABSTRACT:
        info["abstract"] = True
    if (parent := _parent(kind)) is not None:
        info["parent"] = parent
    return info
