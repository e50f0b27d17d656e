"""The human commands about objects, the tree of objects (QOM), and devices."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from qmpeer.chardev.key_values import check_id, parse_key_values
from qmpeer.errors import ChardevError
from qmpeer.machine.machine import Machine
from qmpeer.machine.object_options import read_object
from qmpeer.machine.start_error import StartHelp
from qmpeer.messages import qemu_texts

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
_MACHINE: Final[Mapping[str, tuple[str, object]]] = {
    "kernel": ("string", ""),
    "dt-compatible": ("string", ""),
    "boot": ("BootConfiguration", None),
    "memory": ("MemorySizeConfiguration", None),
    "initrd": ("string", ""),
    "confidential-guest-support": ("link<confidential-guest-support>", ""),
    "graphics": ("bool", False),
    "usb": ("bool", False),
    "firmware": ("string", ""),
    "memory-encryption": ("string", ""),
    "smp": ("SMPConfiguration", None),
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
_NET_TYPE: Final = "type"


class _ObjectTree:
    """The tree of objects, and the handlers of the commands about it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def object_add(self, object: str) -> str:
        """Create an object from its description."""
        objects = self._machine.objects
        try:
            properties, warnings = read_object(object, objects.names, is_option=False)
            objects.add(properties)
        except StartHelp as asked:
            return asked.text
        except ChardevError as error:
            return f"Error: {error.reason}\n{error.hint}"
        return "".join(f"warning: {warning}\n" for warning in warnings)

    def qom_list(self, path: str | None) -> str:
        """List an object's properties with their types."""
        if path is None:
            return "/"
        found = self._matches(path)
        if len(found) != 1:
            return f"Error: Path '{path}' is ambiguous" if found else _not_found(path)
        properties = [("type", "string")]
        if found[0] == _MACHINE_PATH:
            properties += [(name, kind) for name, (kind, _) in _MACHINE.items()]
        properties += [(name, f"child<{kind}>") for name, kind in self._children(found[0]).items()]
        return "".join(f"{name} ({kind})\n" for name, kind in properties)

    def qom_get(self, path: str, property: str) -> str:
        """Show a property as JSON."""
        found = self._find(path)
        if found is None:
            return _not_found(path)
        kind = self._types()[found]
        if property == "type":
            return json.dumps(kind)
        value = _MACHINE[property][1] if _is_of_machine(found, property) else None
        if value is not None:
            return json.dumps(value)
        if property in self._children(found):
            return json.dumps(f"{found.rstrip('/')}/{property}")
        return f"Error: Property '{kind}.{property}' not found"

    def qom_set(self, json: bool, path: str, property: str, value: str) -> str:
        """Refuse: no property can be set here."""
        found = self._find(path)
        if found is None:
            return _not_found(path)
        is_known = property in ("type", *self._children(found)) or _is_of_machine(found, property)
        why = "is not writable" if is_known else "not found"
        return f"Error: Property '{self._types()[found]}.{property}' {why}"

    def qom_tree(self, path: str | None) -> str:
        """Show an object and all objects below it."""
        found = self._find(_MACHINE_PATH if path is None else path)
        if found is None:
            return f"Path '{path}' could not be resolved."
        return self._branch(found, found, 0)

    def _branch(self, path: str, name: str, depth: int) -> str:
        return f"{'  ' * depth}{name} ({self._types()[path]})\n" + "".join(
            self._branch(f"{path.rstrip('/')}/{child}", f"/{child}", depth + 1)
            for child in sorted(self._children(path))
        )

    def _types(self) -> dict[str, str]:
        """Return the types of all objects by their paths, parents before children."""
        machine = self._machine
        found = dict(_FIXED)
        if names := machine.objects.types:
            found["/objects"] = "container"
            found.update({f"/objects/{name}": kind for name, kind in names.items()})
        if len(machine.chardevs):
            found["/chardevs"] = "container"
            for device in machine.chardevs:
                found[f"/chardevs/{device.label}"] = f"chardev-{device.kind}"
        return found

    def _find(self, path: str) -> str | None:
        """Return the full path for itself, or for its end if that is unique; else None."""
        found = self._matches(path)
        return found[0] if len(found) == 1 else None

    def _matches(self, path: str) -> list[str]:
        parts = "".join(f"/{part}" for part in path.split("/") if part)
        if path.startswith("/"):
            return [known for known in self._types() if known == (parts or "/")]
        return [known for known in self._types() if known.endswith(parts)]

    def _children(self, path: str) -> dict[str, str]:
        """Return the types of an object's children by their names."""
        start = path.rstrip("/") + "/"
        return {
            known[len(start) :]: kind
            for known, kind in self._types().items()
            if known.startswith(start) and known != "/" and "/" not in known[len(start) :]
        }


def _is_of_machine(path: str, property: str) -> bool:
    return path == _MACHINE_PATH and property in _MACHINE


def _not_found(path: str) -> str:
    return f"Error: {qemu_texts.unknown_device(path)}"


def object_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    tree = _ObjectTree(machine)
    return {
        "object_add": tree.object_add,
        "object_del": machine.object_del,
        "device_add": _device_add,
        "netdev_add": _netdev_add,
        "hostfwd_add": _host_forwarding,
        "hostfwd_remove": _host_forwarding,
        "qom-list": tree.qom_list,
        "qom-get": tree.qom_get,
        "qom-set": tree.qom_set,
        "info qom-tree": tree.qom_tree,
    }


def _device_add(device: str | None) -> str:
    """Refuse: there are no models of devices."""
    pairs = parse_key_values(device or "", implied_key="driver")
    try:
        for pair in pairs:
            if pair.key == "id":
                check_id(pair.value)
    except ChardevError:
        return 'Try "help device_add" for more information'
    driver = next((pair.value for pair in pairs if pair.key == "driver"), None)
    if driver is None:
        return f"Error: {qemu_texts.missing('driver')}"
    if driver in ("help", "?"):
        return ""
    if any(pair.key in ("help", "?") for pair in pairs):
        return qemu_texts.unknown_device(driver)
    return f"Error: '{driver}' is not a valid device model name"


def _netdev_add(netdev: str | None) -> str:
    """Refuse: there are no networks."""
    pairs = parse_key_values(netdev or "", implied_key=_NET_TYPE)
    values = {pair.key: pair.value for pair in pairs}
    if values.get(_NET_TYPE) in ("help", "?"):
        return "Available netdev backend types:"
    if "id" not in values:
        return f"Error: {qemu_texts.missing('id')}"
    try:
        check_id(values["id"])
    except ChardevError:
        return 'Try "help netdev_add" for more information'
    if _NET_TYPE not in values:
        return f"Error: {qemu_texts.missing('type')}"
    return f"Error: {qemu_texts.not_accepted('type', values[_NET_TYPE])}"


def _host_forwarding(arg1: str, arg2: str | None) -> str:
    if arg2 is not None:
        return f"unrecognized netdev id '{arg1}'"
    return "user mode network stack not in use"
