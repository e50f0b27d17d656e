"""The parsed options that all programs with monitors share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from qmpeer import limits
from qmpeer.chardev import Description
from qmpeer.options.monitor_options import CONTROL, MonitorOption
from qmpeer.transport import Address
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.faults import Faults


class SpelledOption(msgspec.Struct, frozen=True, kw_only=True):
    """An option as it was spelled, with its argument."""

    option: str
    argument: str


class ChardevOption(SpelledOption, frozen=True, kw_only=True):
    """An option that creates a character device, such as ``-chardev`` or ``-qmp``."""

    description: Description


class ObjectOption(msgspec.Struct, frozen=True, kw_only=True):
    """An ``-object``: its argument, and the arguments of ``object-add`` that it stands for."""

    argument: str
    properties: JsonObject


class FdOption(SpelledOption, frozen=True, kw_only=True):
    """An ``-add-fd``: an inherited descriptor, and the set to put it into."""

    fd: int
    set_id: int
    opaque: str | None


class ProgramOptions(msgspec.Struct, kw_only=True):
    """The options of one command line that open monitors; programs add their own.

    Attributes:
        chardevs: The character devices, in order.
        monitors: The monitors, in order.
        objects: The objects, in order.
        fds: The inherited descriptors for sets.
        pid_file: The path of the file for the process id (-pidfile).
        is_daemon: True if the program goes into the background (-daemonize).
        is_insecure: True if TCP may be open to the network without client certificates.
        escape: The byte that begins a mux's escape (-echr).
        origins: Origins of web pages that may connect by WebSocket.
        handshake_timeout: Seconds for the TLS and WebSocket handshakes; None waits for ever.
        has_defaults: True if no option has opened a monitor or turned the default one off.
        has_monitor_objects: True if monitors are objects (--monitor-objects).
        notices: Lines for standard output, shown before anything is created.
        compat_monitors: The number of monitors that were named ``compat_monitorN``.
        faults: The faults for the clients' connections (--fault, --faults).
        seed: The seed of all chance in them (--seed).
        server_pid: The server's process id, or the path of its file (--server-pid).
        prints_address: True to print where the monitors listen (--print-address).
        ends_with_input: True to end when standard input ends (--until-eof).
        control: The address of the control socket, or "auto" (--control); None for none.
        places: Addresses at which it listens besides its devices.
        command: The command to run once the monitors listen, and its arguments; empty for none.
    """

    chardevs: list[ChardevOption] = []
    monitors: list[MonitorOption] = []
    objects: list[ObjectOption] = []
    fds: list[FdOption] = []
    pid_file: str | None = None
    is_daemon: bool = False
    is_insecure: bool = False
    escape: int = 1
    origins: list[str] = []
    handshake_timeout: float | None = limits.HANDSHAKE_TIMEOUT
    has_defaults: bool = True
    has_monitor_objects: bool = False
    notices: list[str] = []
    wants_help: bool = False
    wants_version: bool = False
    compat_monitors: int = 0
    faults: "Faults | None" = None
    seed: int = 0
    server_pid: str | None = None
    prints_address: bool = False
    ends_with_input: bool = False
    control: str | None = None
    places: list[Address] = []
    command: Sequence[str] = ()

    @property
    def labels(self) -> list[str]:
        """The labels of the character devices."""
        labels = (chardev.description.label for chardev in self.chardevs)
        return [label for label in labels if label is not None]

    @property
    def control_labels(self) -> list[str]:
        """The labels of the devices with a QMP monitor, in order."""
        labels = [each.chardev for each in self.monitors if each.mode == "control"]
        for each in self.objects:
            if each.properties["qom-type"] == CONTROL:
                labels.append(str(each.properties.get("chardev")))
        return [label for label in labels if label is not None]

    @property
    def makes_socket(self) -> bool:
        """True if the program is to make a socket of its own: it must have one, and has none."""
        is_silent = not (self.control_labels or self.places)
        return (self.prints_address or bool(self.command)) and is_silent
