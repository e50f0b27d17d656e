"""The parsed command line of ``qmpeer serve``, from which the machine is then created."""

import msgspec

from qmpeer.options import ProgramOptions, SpelledOption
from qmpeer.schema import Policy


class PortOption(SpelledOption, frozen=True, kw_only=True):
    """A ``-serial`` or ``-parallel``; its argument is parsed only after the monitors are created.

    Attributes:
        kind: "serial" or "parallel".
    """

    kind: str


class Options(ProgramOptions, kw_only=True):
    """All options of a command line.

    Attributes:
        ports: The serial and parallel ports, in order.
        guest_name: The name for query-name; None if the guest has none.
        guest_uuid: The UUID for query-uuid.
        is_stopped: True if the guest waits for cont (-S).
        policy: The handling of deprecated and unstable input and output (-compat).
    """

    ports: list[PortOption] = msgspec.field(default_factory=list)
    guest_name: str | None = None
    guest_uuid: str = "00000000-0000-0000-0000-000000000000"
    is_stopped: bool = False
    is_singlestep: bool = False
    has_no_graphic: bool = False
    has_display: bool = False
    accelerator: str | None = None
    machine_accelerator: str | None = None
    policy: Policy = Policy()
