"""The options for programs and tests around a program: its address, its control, its end."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

from qmpeer.messages import redact_urls
from qmpeer.options.command_line import END_OF_OPTIONS, Flag, ReadArgument, set_to
from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.start_error import StartError
from qmpeer.transport import parse_address
from qmpeer.transport.address import socket_path

AUTO: Final = "auto"
"""The argument of --control for a socket beside the program's own."""
_COMPANIONS: Final = """\
programs around it:
  --print-address     once everything listens, write one line of JSON to standard output: address,
                      addresses, path or host and port, pid, control. Without a QMP monitor among
                      the options, one listens on a unix socket in a new folder, removed at the end
  --until-eof         end when standard input ends, and so with the process that holds its other end
  --control ADDRESS|auto
                      listen for control: QMP with commands that {control};
                      auto: on a unix socket in such a folder
  -- COMMAND [ARG...] once everything listens, run COMMAND; end with it, with its status (128+N
                      after signal N). It gets SIGTERM, SIGINT and SIGHUP, and in its environment
                      QMP_ADDRESS, QMP_SOCKET (the plain path, or HOST:PORT) and QMP_CONTROL
"""


def companions_usage(*control: str) -> str:
    """Return the part of --help about these options.

    Args:
        control: What the commands of the control socket do, in lines; the first one is short.
    """
    return _COMPANIONS.format(control=("\n" + " " * 22).join(control))


COMPANIONS_USAGE: Final = companions_usage(
    "arm faults, list the commands that", "clients sent, and more"
)


def _control(options: ProgramOptions, option: str, argument: str) -> None:
    if argument != AUTO:
        try:
            address = parse_address(argument)
        except ValueError as error:
            shown = redact_urls(argument)
            has_password = shown != argument  # the error may quote a part of the address
            reason = "expected an address without a password" if has_password else str(error)
            raise StartError(option, shown, reason) from None
        if (path := socket_path(address)) is not None:
            argument = f"unix:{os.path.abspath(path)}"  # a daemon changes its folder
    options.control = argument


COMPANION_FLAGS: Final[Mapping[str, Flag[ProgramOptions]]] = {
    "print-address": set_to("prints_address"),
    "until-eof": set_to("ends_with_input"),
}
COMPANION_OPTIONS: Final[Mapping[str, ReadArgument[ProgramOptions]]] = {"control": _control}


def take_command(options: ProgramOptions, words: Sequence[str]) -> None:
    """Record the command behind ``--``.

    Raises:
        StartError: If there is none.
    """
    if not words:
        raise StartError(END_OF_OPTIONS, None, "expected a command, and its arguments")
    options.command = words


def check_companions(options: ProgramOptions) -> None:
    """Refuse options of this module that can't be combined with others.

    Raises:
        StartError: At the first one.
    """
    option = END_OF_OPTIONS if options.command else "--print-address"
    if options.command and options.is_daemon:
        raise StartError("-daemonize", None, "expected no -- COMMAND, whose end would be unseen")
    if options.ends_with_input:
        _check_input(options)
    if not (options.command or options.prints_address):
        if options.control == AUTO:
            reason = "expected --print-address or -- COMMAND, too, to tell where the socket is"
            raise StartError("--control", AUTO, reason)
        return
    labels = options.control_labels
    for each in options.chardevs:
        values = each.description.values
        is_waiting = values.get("server") and values.get("wait", True)
        if is_waiting and each.description.label in labels:
            reason = f"it waits for a client before {option} has its turn, expected wait=off"
            raise StartError(each.option, each.argument, reason)


def _check_input(options: ProgramOptions) -> None:
    """Refuse whatever else is to have standard input."""
    reasons = [("-daemonize", "a daemon has no standard input")] * options.is_daemon
    reasons += [("--", "the command has the standard input")] * bool(options.command)
    reasons += [
        (each.option, "the device reads standard input")
        for each in options.chardevs
        if each.description.values.get("backend") == "stdio"
    ]
    for option, reason in reasons:
        raise StartError("--until-eof", None, f"found {option}, expected none: {reason}")
