"""Programs with monitors: QEMU's options that open these, and what runs beside them."""

from qmpeer.options.command_line import (
    Flag,
    ReadArgument,
    TakeWord,
    Warn,
    accept_flag,
    one_of,
    parse_words,
    path_of,
    set_to,
)
from qmpeer.options.companion_options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    check_companions,
    take_command,
)
from qmpeer.options.fault_options import (
    FAULT_OPTIONS,
    PROCESS_OPTIONS,
    Disturbance,
    check_process,
)
from qmpeer.options.guest_options import GUEST_FLAGS, GUEST_OPTIONS
from qmpeer.options.program_options import ProgramOptions, SpelledOption
from qmpeer.options.shared_options import SHARED_FLAGS, SHARED_OPTIONS, open_monitor_on
from qmpeer.options.start_error import StartError, StartHelp

__all__ = [
    "COMPANION_FLAGS",
    "COMPANION_OPTIONS",
    "FAULT_OPTIONS",
    "GUEST_FLAGS",
    "GUEST_OPTIONS",
    "PROCESS_OPTIONS",
    "SHARED_FLAGS",
    "SHARED_OPTIONS",
    "Disturbance",
    "Flag",
    "ProgramOptions",
    "ReadArgument",
    "SpelledOption",
    "StartError",
    "StartHelp",
    "TakeWord",
    "Warn",
    "accept_flag",
    "check_companions",
    "check_process",
    "one_of",
    "open_monitor_on",
    "parse_words",
    "path_of",
    "set_to",
    "take_command",
]
