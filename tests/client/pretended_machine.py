"""A scripted server that answers by its state: devices and backends that are added and removed."""

import queue
import threading
from typing import Any

from tests.client.scripted import ScriptedServer
from tests.patience import PATIENCE

PERIPHERAL = "/machine/peripheral"
ADD = {"blockdev-add": "node-name", "object-add": "id", "netdev_add": "id", "chardev-add": "id"}
REMOVE = {
    "blockdev-del": "node-name",
    "object-del": "id",
    "netdev_del": "id",
    "chardev-remove": "id",
}
USES = ("drive", "netdev", "chardev", "memdev", "rng")


class PretendedMachine:
    """A machine behind a scripted server, as a thread that answers all commands.

    Commands that a test holds are left to the test, which answers or refuses them itself.

    Args:
        server: The server.
        backends: The arguments with which each backend was added, by the command and the name.
        devices: The properties of each device, by its path.

    Attributes:
        consents: Whether the guest lets every device go at once.
        log: The commands that came, but no queries.
    """

    def __init__(
        self,
        server: ScriptedServer,
        backends: dict[tuple[str, str], dict[str, Any]] | None = None,
        devices: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.server = server
        self.backends = {} if backends is None else backends
        self.devices = {} if devices is None else devices
        self.consents = True
        self.slots: Any = []
        self.log: list[str] = []
        self.names_of_held: set[str] = set()
        self._held: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                command = self.server.command()
            except (AssertionError, OSError):  # the client has left
                return
            name = command["execute"]
            if not name.startswith(("query", "qom", "human")):
                self.log.append(name)
            if name in self.names_of_held:
                self._held.put(command)
            else:
                self.answer(command)

    # What a test does

    def hold(self, *names: str) -> None:
        """Leave commands to the test."""
        self.names_of_held |= set(names)

    def let_go(self, *names: str) -> None:
        self.names_of_held -= set(names)

    def held(self, name: str) -> dict[str, Any]:
        """Return the next command that is left to the test."""
        command = self._held.get(timeout=PATIENCE)
        assert command["execute"] == name
        return command

    def refuse(self, command: dict[str, Any], desc: str, error_class: str = "GenericError") -> None:
        self.server.fail(command, error_class, desc)

    def delete(self, path: str) -> None:
        """Remove a device with those on its buses, and send the events."""
        for nested in [p for p, each in self.devices.items() if f"{path}/" in each["parent_bus"]]:
            self.delete(nested)
        del self.devices[path]
        self.server.event("DEVICE_DELETED", path=f"{path}/virtio-backend")
        before, _, name = path.rpartition("/")
        device = {"device": name} if before == PERIPHERAL else {}
        self.server.event("DEVICE_DELETED", **device, path=path)

    @property
    def names(self) -> set[str]:
        return {name for _, name in self.backends} | set(self.devices)

    # What it does by itself

    def answer(self, command: dict[str, Any]) -> None:
        """Do what a command asks for, and answer it."""
        name, arguments = command["execute"], command.get("arguments", {})
        desc, error_class, value = "", "GenericError", None
        match name:
            case "device_add":
                path = f"{PERIPHERAL}/{arguments['id']}"
                if path in self.devices:
                    desc = f"Duplicate device ID '{arguments['id']}'"
                else:
                    bus = arguments.get("bus", "/machine/unattached/bus")
                    self.devices[path] = {"parent_bus": bus, "type": "", **arguments}
            case "device_del":
                id = arguments["id"]
                path = id if id.startswith("/") else f"{PERIPHERAL}/{id}"
                if path not in self.devices:
                    desc, error_class = f"Device '{id}' not found", "DeviceNotFound"
                elif self.consents:
                    self.delete(path)
            case _ if name in ADD:
                key = name, arguments[ADD[name]]
                if key in self.backends:
                    desc = "Duplicate name"
                else:
                    self.backends[key] = arguments
            case _ if name in REMOVE:
                desc, error_class = self._remove(name, arguments[REMOVE[name]])
            case _:
                value = self._query(name, arguments)
                if value is None:
                    desc, error_class = "not found", "DeviceNotFound"
        if desc:
            self.server.fail(command, error_class, desc)
        else:
            self.server.reply(command, value)

    def _remove(self, command: str, name: str) -> tuple[str, str]:
        add = next(add for add, remove in zip(ADD, REMOVE, strict=True) if remove == command)
        if (add, name) not in self.backends:
            is_netdev = command == "netdev_del"
            return f"{name} not found", "DeviceNotFound" if is_netdev else "GenericError"
        values = [d.get(use) for d in self.devices.values() for use in USES]
        if name in values or f"/objects/{name}" in values:
            return f"{name} is in use", "GenericError"
        del self.backends[add, name]
        return "", ""

    def _of(self, add: str) -> list[tuple[str, dict[str, Any]]]:
        return [(name, given) for (command, name), given in self.backends.items() if command == add]

    def _query(self, name: str, arguments: dict[str, Any]) -> Any:
        match name, arguments:
            case "query-named-block-nodes", _:
                nodes = self._of("blockdev-add")
                return [{"node-name": node, "drv": given["driver"]} for node, given in nodes]
            case "query-chardev", _:
                return [{"label": label} for label, _ in self._of("chardev-add")]
            case "query-hotpluggable-cpus", _:
                return self.slots
            case "human-monitor-command", _:
                lines = enumerate(self._of("netdev_add"))
                return "".join(f"{n}: index={i},type={g['type']}\r\n" for i, (n, g) in lines)
            case "qom-list", {"path": "/chardevs"}:
                chardevs = self._of("chardev-add")
                return [
                    {"name": name, "type": f"child<chardev-{given['backend']['type']}>"}
                    for name, given in chardevs
                ]
            case "qom-list", {"path": "/objects"}:
                found = [(name, given["qom-type"]) for name, given in self._of("object-add")]
                return [{"name": name, "type": f"child<{kind}>"} for name, kind in found]
            case "qom-list", {"path": path} if path in self.devices:
                return [
                    {"name": name, "type": "child<part>" if isinstance(value, dict) else "str"}
                    for name, value in self.devices[path].items()
                ]
            case "qom-list", {"path": path} if path.startswith(PERIPHERAL):
                children = [p.rpartition("/") for p in self.devices]
                return [
                    {"name": last, "type": f"child<{self.devices[f'{path}/{last}'].get('driver')}>"}
                    for before, _, last in children
                    if before == path
                ]
            case "qom-get", {"path": path, "property": member}:
                return self.devices.get(path, {}).get(member)
            case _:
                return {}
