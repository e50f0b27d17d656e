"""Hot-plug: devices that are added and removed, and a guest that lets them go, or doesn't."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from qmpeer.errors import CommandError
from qmpeer.messages.qemu_texts import missing, unknown_device
from qmpeer.script.behaviours import Behaviour, Host, check_room, text_argument
from qmpeer.script.calls import Call
from qmpeer.values import JsonObject, JsonValue

Deleted: TypeAlias = Literal["before", "after", "never", "refused"]

_PERIPHERAL: Final = "/machine/peripheral"
_ANONYMOUS: Final = "/machine/peripheral-anon"
_ID: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")
_TYPE: Final[JsonObject] = {"name": "type", "type": "string"}


class Hotplug(Behaviour):
    """Devices and objects that clients add and remove.

    Spec: QEMU 7.2, measured.

    Args:
        host: The server.
        deleted: When DEVICE_DELETED comes: before the reply to device_del, after it, or never;
            "refused" sends DEVICE_UNPLUG_GUEST_ERROR in its place.
        seconds: The time from the reply to the event.
        devices: The devices at the beginning: the drivers by their ids.

    Attributes:
        devices: The arguments of each device by its QOM path.
        objects: The arguments of each object by its id.
    """

    def __init__(
        self,
        host: Host,
        *,
        deleted: Deleted = "after",
        seconds: float = 0.0,
        devices: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(host)
        self.devices: dict[str, JsonObject] = {
            f"{_PERIPHERAL}/{id}": {"driver": driver, "id": id}
            for id, driver in (devices or {}).items()
        }
        self.objects: dict[str, JsonObject] = {}
        self._deleted = deleted
        self._seconds = seconds
        self._anonymous = 0
        self.answer("device_add", self._device_add)
        self.answer("device_del", self._device_del)
        self.answer("object-add", self._object_add)
        self.answer("object-del", self._object_del)
        self.answer("qom-list", self._qom_list)
        self.answer("qom-get", self._qom_get)

    # Devices

    def _device_add(self, call: Call) -> None:
        driver, id = text_argument(call, "driver"), text_argument(call, "id")
        if not driver:
            raise CommandError("GenericError", missing("driver"))
        if id and not _ID.fullmatch(id):
            raise CommandError("GenericError", "Parameter 'id' expects an identifier")
        path = f"{_PERIPHERAL}/{id}"
        if not id:
            path = f"{_ANONYMOUS}/device[{self._anonymous}]"
            self._anonymous += 1
        elif path in self.devices:
            raise CommandError("GenericError", f"Duplicate device ID '{id}'")
        check_room(self.devices)
        self.devices[path] = dict(call.arguments)

    def _device_del(self, call: Call) -> None:
        id = text_argument(call, "id")
        path = id if id.startswith("/") else f"{_PERIPHERAL}/{id}"
        if path not in self.devices:
            raise CommandError("DeviceNotFound", unknown_device(id))
        if self._deleted == "before":
            self._go(path)
        elif self._deleted == "after":
            self.later(self._seconds, lambda: self._go(path))
        elif self._deleted == "refused":
            self.later(self._seconds, lambda: self._refuse(path))

    def _go(self, path: str) -> None:
        """Remove a device, unless an earlier request has."""
        device = self.devices.pop(path, None)
        if device is not None:
            self.emit("DEVICE_DELETED", _named(path, device))

    def _refuse(self, path: str) -> None:
        if (device := self.devices.get(path)) is not None:
            self.emit("DEVICE_UNPLUG_GUEST_ERROR", _named(path, device))

    # Objects

    def _object_add(self, call: Call) -> None:
        id = text_argument(call, "id")
        if id in self.objects:
            desc = f"attempt to add duplicate property '{id}' to object (type 'container')"
            raise CommandError("GenericError", desc)
        check_room(self.objects)
        self.objects[id] = dict(call.arguments)

    def _object_del(self, call: Call) -> None:
        id = text_argument(call, "id")
        if self.objects.pop(id, None) is None:
            raise CommandError("GenericError", f"object '{id}' not found")

    # The tree

    def _qom_list(self, call: Call) -> JsonValue:
        path = text_argument(call, "path")
        if path in (_PERIPHERAL, _ANONYMOUS):
            below = {each: of for each, of in self.devices.items() if each.startswith(f"{path}/")}
            return [_TYPE, *(_child(each, str(of["driver"])) for each, of in below.items())]
        if path == "/objects":
            return [_TYPE, *(_child(id, str(of["qom-type"])) for id, of in self.objects.items())]
        properties = self._thing(path)[1]
        names = [name for name in properties if name != "id"]
        listed: list[JsonValue] = [{"name": name, "type": "str"} for name in names]
        return [_TYPE, *listed]

    def _qom_get(self, call: Call) -> JsonValue:
        path, name = text_argument(call, "path"), text_argument(call, "property")
        kind, properties = self._thing(path if path.startswith("/") else f"{_PERIPHERAL}/{path}")
        if name == "type":
            return kind
        if name not in properties or name in ("id", "bus"):
            raise CommandError("GenericError", f"Property '{kind}.{name}' not found")
        return properties[name]

    def _thing(self, path: str) -> tuple[str, JsonObject]:
        """Return the type and the properties of a device or an object."""
        if path in self.devices:
            device = self.devices[path]
            return str(device["driver"]), {k: v for k, v in device.items() if k != "driver"}
        id = path.removeprefix("/objects/")
        if id in self.objects:
            found = self.objects[id]
            return str(found["qom-type"]), {k: v for k, v in found.items() if k != "qom-type"}
        raise CommandError("DeviceNotFound", unknown_device(path))


def _named(path: str, device: JsonObject) -> JsonObject:
    return {**({"device": device["id"]} if "id" in device else {}), "path": path}


def _child(path: str, kind: str) -> JsonObject:
    return {"name": path.rpartition("/")[2], "type": f"child<{kind}>"}
