"""The command lines of ``qmpeer relay`` and ``qmpeer record``."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from qmpeer.cli.server_options import (
    SERVER_FLAGS,
    SERVER_OPTIONS,
    ServerOptions,
    check_server,
    take_address,
)
from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    FAULT_OPTIONS,
    GUEST_FLAGS,
    GUEST_OPTIONS,
    PROCESS_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ReadArgument,
    Warn,
    check_companions,
    check_process,
    parse_words,
    take_command,
)
from qmpeer.options.control_monitors import check_control_only

ENDS: Final = """\
exit status:
  0  after SIGINT, SIGTERM or SIGHUP; where clients come in on stdio only, at the end of that;
     with -- COMMAND the status of the command instead, 128+N after signal N
  2  the command line is wrong, or a device or a file that it names can't be opened
"""


class RelayOptions(ServerOptions, kw_only=True):
    """The options of a program that passes bytes on."""


RelayOptionsT = TypeVar("RelayOptionsT", bound=RelayOptions)


def parse_relay_options(
    options: RelayOptionsT,
    words: Sequence[str],
    warn: Warn,
    *,
    flags: Mapping[str, Flag[RelayOptionsT]] | None = None,
    readers: Mapping[str, ReadArgument[RelayOptionsT]] | None = None,
) -> RelayOptionsT:
    """Parse the words behind such a subcommand.

    Args:
        options: The record to fill.
        words: The words.
        warn: Called with each of QEMU's warnings, as soon as it is found.
        flags: Further options without an argument, by their names without dashes.
        readers: Further options with an argument.

    Raises:
        StartError: If the command line is wrong.
        StartHelp: If an option asks for help.
    """
    parse_words(
        options,
        words,
        flags={**GUEST_FLAGS, **SHARED_FLAGS, **COMPANION_FLAGS, **SERVER_FLAGS, **(flags or {})},
        readers={
            **GUEST_OPTIONS,
            **SHARED_OPTIONS,
            **FAULT_OPTIONS,
            **PROCESS_OPTIONS,
            **COMPANION_OPTIONS,
            **SERVER_OPTIONS,
            **(readers or {}),
        },
        take_word=take_address,
        warn=warn,
        take_command=take_command,
    )
    if not (options.wants_help or options.wants_version):
        check_server(options)
        check_control_only(options)
        check_process(options)
        check_companions(options)
    return options
