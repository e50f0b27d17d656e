"""QEMU's options about a guest and its hardware, for programs that have neither.

Wrappers and management programs pass them to every QEMU; they are accepted and not looked at.
"""

from collections.abc import Mapping
from typing import Final

from qmpeer.options.command_line import Flag, ReadArgument, accept_flag
from qmpeer.options.program_options import ProgramOptions


def _accept(options: ProgramOptions, option: str, argument: str) -> None:
    """Accept an option with an argument."""


GUEST_FLAGS: Final[Mapping[str, Flag[ProgramOptions]]] = dict.fromkeys(
    ("S", "nographic", "enable-kvm", "no-reboot", "no-shutdown"), accept_flag
)
GUEST_OPTIONS: Final[Mapping[str, ReadArgument[ProgramOptions]]] = dict.fromkeys(
    ("M", "accel", "cpu", "display", "m", "machine", "name", "sandbox", "smp", "uuid"), _accept
)
