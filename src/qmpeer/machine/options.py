"""The parsed command line of ``qmpeer serve``, from which the machine is then created."""

import msgspec

from qmpeer import limits
from qmpeer.chardev import Description
from qmpeer.machine.monitor_options import MonitorOption
from qmpeer.schema import Policy
from qmpeer.values import JsonObject


class _Option(msgspec.Struct, frozen=True, kw_only=True):
    """An option as it was spelled, with its argument."""

    option: str
    argument: str


class ChardevOption(_Option, frozen=True, kw_only=True):
    """An option that creates a character device, such as ``-chardev`` or ``-qmp``."""

    description: Description


class ObjectOption(msgspec.Struct, frozen=True, kw_only=True):
    """An ``-object``: its argument, and the arguments of ``object-add`` that it stands for."""

    argument: str
    properties: JsonObject


class PortOption(_Option, frozen=True, kw_only=True):
    """A ``-serial`` or ``-parallel``; its argument is parsed only after the monitors are created.

    Attributes:
        kind: "serial" or "parallel".
    """

    kind: str


class FdOption(_Option, frozen=True, kw_only=True):
    """An ``-add-fd``: an inherited descriptor, and the set to put it into."""

    fd: int
    set_id: int
    opaque: str | None


class Options(msgspec.Struct, kw_only=True):
    """All options of a command line.

    Attributes:
        chardevs: The character devices, in order.
        monitors: The monitors, in order.
        objects: The objects, in order.
        ports: The serial and parallel ports, in order.
        fds: The inherited descriptors for sets.
        guest_name: The name for query-name; None if the guest has none.
        guest_uuid: The UUID for query-uuid.
        is_stopped: True if the guest waits for cont (-S).
        is_insecure: True if TCP may be open to the network without client certificates.
        escape: The byte that begins a mux's escape (-echr).
        origins: Origins of web pages that may connect by WebSocket.
        handshake_timeout: Seconds for the TLS and WebSocket handshakes; None waits for ever.
        has_defaults: True if a default monitor is added when no option creates one.
        has_monitor_objects: True if monitors are objects (--monitor-objects).
        policy: The handling of deprecated and unstable input and output (-compat).
        notices: Lines for standard output, shown before anything is created.
    """

    chardevs: list[ChardevOption] = []
    monitors: list[MonitorOption] = []
    objects: list[ObjectOption] = []
    ports: list[PortOption] = []
    fds: list[FdOption] = []
    guest_name: str | None = None
    guest_uuid: str = "00000000-0000-0000-0000-000000000000"
    is_stopped: bool = False
    pid_file: str | None = None
    is_daemon: bool = False
    is_insecure: bool = False
    is_singlestep: bool = False
    has_no_graphic: bool = False
    has_display: bool = False
    escape: int = 1
    origins: list[str] = []
    handshake_timeout: float | None = limits.HANDSHAKE_TIMEOUT
    has_defaults: bool = True
    has_monitor_objects: bool = False
    accelerator: str | None = None
    machine_accelerator: str | None = None
    policy: Policy = Policy()
    notices: list[str] = []
    wants_help: bool = False
    wants_version: bool = False
    compat_monitors: int = 0

    @property
    def labels(self) -> list[str]:
        """The labels of the character devices."""
        labels = (chardev.description.label for chardev in self.chardevs)
        return [label for label in labels if label is not None]
