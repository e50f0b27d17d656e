"""The machine's monitors, each on a character device: opened, and removed if they are objects.

All monitors are opened here: those of ``-mon``, ``-qmp``, ``-qmp-pretty``, ``-monitor`` and
``mon:``, and the objects ``monitor-qmp`` and ``monitor-hmp``. In a machine with monitor objects,
``-mon`` and the next three are short for an object.

Spec: QEMU 11.1, whose rules are known from its users, without a recording. [The texts of its errors
aren't known: these are those of QEMU 7.2 for similar mistakes.]
"""

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

import msgspec

from qmpeer.chardev import Chardev, Chardevs
from qmpeer.errors import ChardevError
from qmpeer.monitor import Attachment, Context, Monitor
from qmpeer.options.monitor_options import CONTROL, HUMAN
from qmpeer.options.objects import Properties
from qmpeer.values import JsonObject


class _OpenMonitor(msgspec.Struct, frozen=True):
    device: Chardev
    attachment: Attachment
    is_human: bool
    properties: Properties


class Monitors:
    """The monitors of one machine.

    Args:
        monitor: The monitor for people.
        control: The monitor for QMP, which may be the same one.
        chardevs: The devices.
        clients_changed: Called when the devices with a QMP monitor have changed.
        when_left: Called with the id of a monitor with ``close-action=delete`` and the label of its
            device after its client has left.

    Attributes:
        control_devices: The devices with a QMP monitor.
        types: The types of objects that `add` makes.
    """

    def __init__(
        self,
        monitor: Monitor,
        control: Monitor,
        chardevs: Chardevs,
        clients_changed: Callable[[], None],
        when_left: Callable[[str, str], None],
    ) -> None:
        self.control_devices: Final[list[Chardev]] = []
        self.types: Final[Collection[str]] = (HUMAN, CONTROL)
        self._monitor = monitor
        self._control = control
        self._chardevs = chardevs
        self._clients_changed = clients_changed
        self._when_left = when_left
        self._objects: dict[str, _OpenMonitor] = {}

    def add(self, id: str, properties: JsonObject) -> None:
        """Open a monitor that is an object.

        Args:
            id: Its id.
            properties: A valid ObjectOptions of the schema.

        Raises:
            ChardevError: If its device doesn't exist or has another front end.
        """
        self._objects[id] = self._open(properties, id)

    def open(self, properties: JsonObject) -> None:
        """Open a monitor that is no object, and stays.

        Raises:
            ChardevError: As for `add`.
        """
        self._open(properties, None)

    def _open(self, properties: JsonObject, id: str | None) -> _OpenMonitor:
        is_human, is_pretty = properties["qom-type"] == HUMAN, bool(properties.get("pretty"))
        close_action = properties.get("close-action", "none")
        device = self._chardevs.required(str(properties["chardev"]))
        if is_human and is_pretty:
            raise ChardevError("'pretty' is not compatible with HMP monitors")
        if properties.get("readline") is False:
            raise ChardevError("a human monitor without readline isn't supported here")
        when_left = None
        if id is not None and close_action == "delete":
            if device.kind == "mux":
                raise ChardevError(f"close-action=delete can't remove '{device.label}', a mux")
            when_left = partial(self._left, id, device.label)
        monitor = self._monitor if is_human else self._control
        attachment = monitor.attach_device(
            device, pretty=is_pretty, human=is_human, when_left=when_left
        )
        shown: Properties = {"chardev": ("string", device.label)}
        if is_human:
            shown = {**shown, "readline": ("bool", True)}
        else:
            action = ("MonitorCloseAction", close_action)
            shown = {**shown, "pretty": ("bool", is_pretty), "close-action": action}
            self.control_devices.append(device)
            self._clients_changed()  # a client may be connected already
        return _OpenMonitor(device, attachment, is_human, shown)

    def remove(self, id: str, context: Context | None) -> None:
        """Take a QMP monitor off its device.

        Raises:
            ChardevError: If it is a human monitor, or if the command came in by it.
        """
        found = self._objects[id]
        if found.is_human or found.attachment.carries(context):
            raise ChardevError(f"object '{id}' is in use, can not be deleted")
        del self._objects[id]
        found.attachment.remove()
        self.control_devices.remove(found.device)
        self._clients_changed()

    def properties(self, id: str) -> Properties:
        """Return the properties that QOM shows of a monitor."""
        return self._objects[id].properties

    def _left(self, id: str, label: str) -> None:
        """Handle the end of a client's connection, as soon as its device has noticed the end."""
        found = self._objects[id]

        def delete() -> None:
            if self._objects.get(id) is found:  # else a command has removed it meanwhile
                self._when_left(id, label)

        asyncio.get_running_loop().call_soon(delete)
