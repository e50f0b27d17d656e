"""What a command line of ``qmpeer serve`` asks for, read and not yet made."""

import msgspec

from qmpeer import limits
from qmpeer.chardev import Description
from qmpeer.machine.monitor_options import MonitorOption
from qmpeer.schema import Policy
from qmpeer.values import JsonObject


class _Option(msgspec.Struct, frozen=True, kw_only=True):
    """An option as it was spelled, and its argument."""

    option: str
    argument: str


class ChardevOption(_Option, frozen=True, kw_only=True):
    """An option that makes a character device: ``-chardev``, or ``-qmp`` and its kin."""

    description: Description


class ObjectOption(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of an ``-object``, and what ``object-add`` takes."""

    argument: str
    properties: JsonObject


class PortOption(_Option, frozen=True, kw_only=True):
    """A ``-serial`` or ``-parallel``, which is read only when monitors are there.

    Attributes:
        kind: serial or parallel.
    """

    kind: str


class FdOption(_Option, frozen=True, kw_only=True):
    """An ``-add-fd``: a descriptor that was inherited and goes into a set."""

    fd: int
    set_id: int
    opaque: str | None


class Options(msgspec.Struct, kw_only=True):
    """All that a command line asks for.

    Attributes:
        chardevs: The character devices, in order.
        monitors: The monitors, in order.
        objects: The objects, in order.
        ports: Serial and parallel ports, in order.
        fds: Descriptors for sets.
        guest_name: For query-name; None if the guest has none.
        guest_uuid: For query-uuid.
        is_stopped: Whether the guest waits for cont (-S).
        is_insecure: Whether TCP may be open to the network without certificates.
        escape: The byte that begins a mux's escape (-echr).
        origins: Web pages that may connect by WebSocket.
        handshake_timeout: Seconds for TLS and WebSocket to begin; None waits for ever.
        has_defaults: Whether there is a monitor if no option makes one.
        policy: What is done about what is deprecated or unstable (-compat).
        notices: What is to be said on standard output before all else.
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
        return [of.description.label for of in self.chardevs if of.description.label is not None]
