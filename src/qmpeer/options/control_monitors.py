"""The monitors of programs that have no human monitor: QMP on character devices, nothing else."""

from collections.abc import Callable, Collection
from typing import Final

from qmpeer.chardev import Chardev, Chardevs
from qmpeer.errors import ChardevError
from qmpeer.monitor import Context
from qmpeer.options.monitor_options import CONTROL, HUMAN
from qmpeer.options.objects import Properties
from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.start_error import StartError
from qmpeer.values import JsonObject

EXAMPLE: Final = "-qmp unix:/run/new.sock,server=on,wait=off"
_NO_HUMAN: Final = "there is no human monitor here, expected QMP: -qmp, or -mon with mode=control"
_NO_PRETTY: Final = "nothing is indented here, because every byte is passed on unchanged"


def check_control_only(options: ProgramOptions, *, can_be_pretty: bool = False) -> None:
    """Check that a command line opens QMP monitors only, and at least one.

    Args:
        options: The parsed command line.
        can_be_pretty: Allow monitors that indent JSON.

    Raises:
        StartError: At the first monitor that isn't possible.
    """
    monitors = [
        (each.option, each.argument, each.mode in (None, "readline"), bool(each.is_pretty))
        for each in options.monitors
    ]
    for each in options.objects:
        if (kind := each.properties["qom-type"]) in (HUMAN, CONTROL):
            if each.properties.get("close-action") == "delete":
                reason = "monitors can't be deleted here, expected close-action=none"
                raise StartError("-object", each.argument, reason)
            is_pretty = bool(each.properties.get("pretty"))
            monitors.append(("-object", each.argument, kind == HUMAN, is_pretty))
    for option, argument, is_human, is_pretty in monitors:
        if is_human:
            raise StartError(option, argument, _NO_HUMAN)
        if is_pretty and not can_be_pretty:
            raise StartError(option, argument, _NO_PRETTY)
    if not (monitors or options.places or options.makes_socket):
        raise StartError("", None, f"no option opens a monitor, expected one such as {EXAMPLE}")


class ControlMonitors:
    """The maker of the monitors of such a program.

    Args:
        chardevs: The character devices.
        attach: Attaches a front end to a device; its second argument is True for indented JSON.

    Attributes:
        types: The types of objects that `add` makes.
    """

    def __init__(self, chardevs: Chardevs, attach: Callable[[Chardev, bool], None]) -> None:
        self.types: Final[Collection[str]] = (HUMAN, CONTROL)
        self._chardevs = chardevs
        self._attach = attach

    def open(self, properties: JsonObject) -> None:
        """Open a monitor.

        Raises:
            ChardevError: If its device doesn't exist, has another front end, or is shared.
        """
        device = self._chardevs.required(str(properties["chardev"]))
        if device.kind == "mux":
            raise ChardevError(f"'{device.label}' is shared (mux=on), which isn't supported here")
        self._attach(device, bool(properties.get("pretty")))

    def add(self, id: str, properties: JsonObject) -> None:
        """Open a monitor that is an object, as `open` does."""
        self.open(properties)

    def remove(self, id: str, context: Context | None) -> None:
        """Refuse: monitors stay until the program ends."""
        raise ChardevError(f"object '{id}' is in use, can not be deleted")

    def properties(self, id: str) -> Properties:
        """Return nothing: these programs show no properties."""
        return {}
