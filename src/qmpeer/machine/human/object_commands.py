"""The human commands about objects, the tree of objects (QOM), and devices."""

import json
from collections.abc import Callable
from typing import Any, Final

from qmpeer.chardev.key_values import check_id, parse_key_values
from qmpeer.errors import ChardevError, CommandError
from qmpeer.machine.machine import Machine
from qmpeer.messages import qemu_texts
from qmpeer.options.object_options import read_object
from qmpeer.options.start_error import StartHelp

_NET_TYPE: Final = "type"


class _ObjectCommands:
    """The handlers of the commands about objects and their tree."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.object_tree

    def object_add(self, object: str) -> str:
        """Create an object from its description."""
        machine = self._machine
        try:
            properties, warnings = read_object(
                object, machine.objects.names, machine.interface, is_option=False
            )
            machine.add_object(properties)
        except StartHelp as asked:
            return asked.text
        except ChardevError as error:
            return f"Error: {error.reason}\n{error.hint}"
        return "".join(f"warning: {warning}\n" for warning in warnings)

    def qom_list(self, path: str | None) -> str:
        """List an object's properties with their types."""
        if path is None:
            return "/"
        return "".join(f"{each['name']} ({each['type']})\n" for each in self._tree.qom_list(path))

    def qom_get(self, path: str, property: str) -> str:
        """Show a property as JSON."""
        return json.dumps(self._tree.qom_get(path, property), indent=4)

    def qom_set(self, json: bool, path: str, property: str, value: str) -> str:
        """Refuse: no property can be set here."""
        found = self._tree.find(path)
        is_known = property in self._tree.properties(found)
        why = "is not writable" if is_known else "not found"
        return f"Error: Property '{self._tree.types()[found]}.{property}' {why}"

    def qom_tree(self, path: str | None) -> str:
        """Show an object and all objects below it."""
        try:
            found = self._tree.find("/machine" if path is None else path)
        except CommandError:
            return f"Path '{path}' could not be resolved."
        return self._branch(found, found, 0)

    def _branch(self, path: str, name: str, depth: int) -> str:
        return f"{'  ' * depth}{name} ({self._tree.types()[path]})\n" + "".join(
            self._branch(f"{path.rstrip('/')}/{child}", f"/{child}", depth + 1)
            for child in sorted(self._tree.children(path))
        )


def object_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    commands = _ObjectCommands(machine)
    return {
        "object_add": commands.object_add,
        "object_del": machine.object_del,
        "device_add": _device_add,
        "netdev_add": _netdev_add,
        "hostfwd_add": _host_forwarding,
        "hostfwd_remove": _host_forwarding,
        "qom-list": commands.qom_list,
        "qom-get": commands.qom_get,
        "qom-set": commands.qom_set,
        "info qom-tree": commands.qom_tree,
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
