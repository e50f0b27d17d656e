"""The command lines of programs between clients and a server: an address, and QEMU's options."""

import os
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from qmpeer import limits
from qmpeer.cli.command_line import seconds
from qmpeer.messages import redact_urls
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
    ProgramOptions,
    ReadArgument,
    StartError,
    Warn,
    check_companions,
    check_process,
    parse_words,
    set_to,
    take_command,
)
from qmpeer.options.control_monitors import check_control_only
from qmpeer.transport import UnixAddress, parse_address

FAILED: Final = 2
"""The exit status of such a program if it can't start, as of a wrong command line elsewhere."""
OWN_OPTIONS: Final = """\
options:
  --timeout S         wait at most S seconds for each connection to ADDRESS (default 10)
  --wait-for-socket   keep trying for that time while nobody listens at ADDRESS yet
"""
ENDS: Final = """\
exit status:
  0  after SIGINT, SIGTERM or SIGHUP; where clients come in on stdio only, at the end of that;
     with -- COMMAND the status of the command instead, 128+N after signal N
  2  the command line is wrong, or a device or a file that it names can't be opened
"""


class RelayOptions(ProgramOptions, kw_only=True):
    """The options of a program that passes clients on to a server.

    Attributes:
        server: The server's address.
        timeout: The time limit for connecting to it, in seconds.
        waits_for_socket: True to try again while nobody listens there.
    """

    server: str = ""
    timeout: float = limits.CONNECT_TIMEOUT
    waits_for_socket: bool = False


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
        flags={**GUEST_FLAGS, **SHARED_FLAGS, **COMPANION_FLAGS, **_FLAGS, **(flags or {})},
        readers={
            **GUEST_OPTIONS,
            **SHARED_OPTIONS,
            **FAULT_OPTIONS,
            **PROCESS_OPTIONS,
            **COMPANION_OPTIONS,
            **_OPTIONS,
            **(readers or {}),
        },
        take_word=_take_address,
        warn=warn,
        take_command=take_command,
    )
    if not (options.wants_help or options.wants_version):
        _check_server(options)
        check_control_only(options)
        check_process(options)
        check_companions(options)
    return options


def _take_address(options: RelayOptions, word: str) -> None:
    if options.server:
        raise StartError(redact_urls(word), None, "there is an ADDRESS already, expected an option")
    options.server = word


def _timeout(options: RelayOptions, option: str, argument: str) -> None:
    try:
        options.timeout = seconds(argument)
    except ValueError:
        raise ValueError("expected a positive number of seconds") from None


_FLAGS: Final[Mapping[str, Flag[RelayOptions]]] = {"wait-for-socket": set_to("waits_for_socket")}
_OPTIONS: Final[Mapping[str, ReadArgument[RelayOptions]]] = {"timeout": _timeout}


def _check_server(options: RelayOptions) -> None:
    if not options.server:
        reason = "found no ADDRESS, expected that of the QMP server, such as unix:/run/vm.qmp"
        raise StartError("", None, reason)
    try:
        address = parse_address(options.server)
    except ValueError as error:
        shown = redact_urls(options.server)
        has_password = shown != options.server  # the error may quote a part of the address
        reason = f"found {shown!r}, expected an address without a password"
        raise StartError("", None, reason if has_password else str(error)) from error
    if not isinstance(address, UnixAddress) or address.is_abstract:
        return
    path = os.path.abspath(address.path)
    options.server = f"unix:{path}"  # a daemon changes its folder
    for chardev in options.chardevs:
        values = chardev.description.values
        if values.get("server") and os.path.abspath(str(values.get("path") or "")) == path:
            # It would take the server's path, and then pass its clients on to itself.
            reason = "this is the server's address, expected another one for the clients"
            raise StartError(chardev.option, chardev.argument, reason)
