"""The human commands about objects, the tree that they hang in, and devices."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from qmpeer.chardev.key_values import check_id, parse_key_values
from qmpeer.errors import ChardevError
from qmpeer.machine.machine import Machine
from qmpeer.machine.object_options import object_types, read_object
from qmpeer.machine.start_error import StartHelp

__all__ = ["object_commands", "object_names", "object_type_names"]

_TYPE: Final = ("type", "string")
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
_NET_TYPE: Final = "type"


class _Tree:
    """Know the objects by their paths."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def types(self) -> dict[str, str]:
        """Return the types of all objects by their paths, parents before children."""
        machine = self._machine
        found = {
            "/": "container",
            "/machine": "none-machine",
            "/machine/peripheral-anon": "container",
            "/machine/peripheral": "container",
            "/machine/unattached": "container",
            "/machine/unattached/io[0]": "memory-region",
            "/machine/unattached/system[0]": "memory-region",
            "/machine/unattached/sysbus": "System",
        }
        if names := machine.objects.types:
            found["/objects"] = "container"
            found.update({f"/objects/{name}": of for name, of in names.items()})
        if len(machine.chardevs):
            found["/chardevs"] = "container"
            for device in machine.chardevs:
                found[f"/chardevs/{device.label}"] = f"chardev-{device.kind}"
        return found

    def find(self, path: str) -> str | None:
        """Return the whole path that a path means: one from the root, or its end, if unique."""
        found = self._matches(path)
        return found[0] if len(found) == 1 else None

    def refuse(self, path: str) -> str:
        """Say why a path that isn't found isn't."""
        if len(self._matches(path)) > 1:
            return f"Error: Path '{path}' is ambiguous"
        return f"Error: Device '{path}' not found"

    def _matches(self, path: str) -> list[str]:
        types = self.types()
        parts = "".join(f"/{part}" for part in path.split("/") if part)
        if path.startswith("/"):
            return [known for known in types if known == (parts or "/")]
        return [known for known in types if known.endswith(parts)]

    def children(self, path: str) -> dict[str, str]:
        """Return the types of an object's children by their names."""
        start = path.rstrip("/") + "/"
        return {
            known[len(start) :]: of
            for known, of in self.types().items()
            if known.startswith(start) and known != "/" and "/" not in known[len(start) :]
        }


def object_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    tree = _Tree(machine)

    def object_add(object: str) -> str:
        try:
            properties, warnings = read_object(object, machine.objects.names, is_option=False)
            machine.objects.add(properties)
        except StartHelp as asked:
            return asked.text
        except ChardevError as error:
            return f"Error: {error.reason}\n{error.hint}"
        return "".join(f"warning: {warning}\n" for warning in warnings)

    def qom_list(path: str | None) -> str:
        if path is None:
            return "/"
        found = tree.find(path)
        if found is None:
            return tree.refuse(path)
        properties = [_TYPE]
        if found == "/machine":
            properties += [(name, of) for name, (of, _) in _MACHINE.items()]
        properties += [(name, f"child<{of}>") for name, of in tree.children(found).items()]
        return "".join(f"{name} ({of})\n" for name, of in properties)

    def qom_get(path: str, property: str) -> str:
        found = tree.find(path)
        if found is None:
            return f"Error: Device '{path}' not found"
        of = tree.types()[found]
        if property == "type":
            return json.dumps(of)
        value = _MACHINE[property][1] if found == "/machine" and property in _MACHINE else None
        if value is not None:
            return json.dumps(value)
        child = tree.children(found).get(property)
        if child is not None:
            return json.dumps(f"{found.rstrip('/')}/{property}")
        return f"Error: Property '{of}.{property}' not found"

    def qom_set(json: bool, path: str, property: str, value: str) -> str:
        found = tree.find(path)
        if found is None:
            return f"Error: Device '{path}' not found"
        of = tree.types()[found]
        known = found == "/machine" and property in _MACHINE
        if property == "type" or known or property in tree.children(found):
            return f"Error: Property '{of}.{property}' is not writable"
        return f"Error: Property '{of}.{property}' not found"

    def qom_tree(path: str | None) -> str:
        found = tree.find("/machine" if path is None else path)
        if found is None:
            return f"Path '{path}' could not be resolved."
        return _branch(tree, found, found, 0)

    return {
        "object_add": object_add,
        "object_del": machine.object_del,
        "device_add": _device_add,
        "netdev_add": _netdev_add,
        "hostfwd_add": _host_forwarding,
        "hostfwd_remove": _host_forwarding,
        "qom-list": qom_list,
        "qom-get": qom_get,
        "qom-set": qom_set,
        "info qom-tree": qom_tree,
    }


def _branch(tree: _Tree, path: str, name: str, depth: int) -> str:
    below = sorted(tree.children(path))
    start = path.rstrip("/")
    return f"{'  ' * depth}{name} ({tree.types()[path]})\n" + "".join(
        _branch(tree, f"{start}/{child}", f"/{child}", depth + 1) for child in below
    )


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
        return "Error: Parameter 'driver' is missing"
    if driver in ("help", "?"):
        return ""
    if any(pair.key in ("help", "?") for pair in pairs):
        return f"Device '{driver}' not found"
    return f"Error: '{driver}' is not a valid device model name"


def _netdev_add(netdev: str | None) -> str:
    """Refuse: there are no networks."""
    pairs = parse_key_values(netdev or "", implied_key=_NET_TYPE)
    values = {pair.key: pair.value for pair in pairs}
    if values.get(_NET_TYPE) in ("help", "?"):
        return "Available netdev backend types:"
    if "id" not in values:
        return "Error: Parameter 'id' is missing"
    try:
        check_id(values["id"])
    except ChardevError:
        return 'Try "help netdev_add" for more information'
    if _NET_TYPE not in values:
        return "Error: Parameter 'type' is missing"
    return f"Error: Parameter 'type' does not accept value '{values[_NET_TYPE]}'"


def _host_forwarding(arg1: str, arg2: str | None) -> str:
    if arg2 is not None:
        return f"unrecognized netdev id '{arg1}'"
    return "user mode network stack not in use"


def object_names(machine: Machine) -> Callable[[Sequence[str]], Iterable[str]]:
    """Return what offers the ids of objects."""
    return lambda words: machine.objects.names if len(words) == 2 else ()


def object_type_names(words: Sequence[str]) -> Iterable[str]:
    """Offer the types of objects."""
    return object_types() if len(words) == 2 else ()
