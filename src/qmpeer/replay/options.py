"""The command line of ``qmpeer replay``: recordings, and QEMU's options for their monitors."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from qmpeer.messages import redact_urls
from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    FAULT_OPTIONS,
    GUEST_FLAGS,
    GUEST_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ProgramOptions,
    ReadArgument,
    StartError,
    Warn,
    check_companions,
    one_of,
    parse_words,
    path_of,
    set_to,
    take_command,
)
from qmpeer.options.control_monitors import check_control_only
from qmpeer.replay.playback import Order
from qmpeer.replay.schedule import NO_DELAYS, RECORDED, Delays
from qmpeer.transport import parse_address
from qmpeer.transport.address import socket_path


class ReplayOptions(ProgramOptions, kw_only=True):
    """The options of one command line.

    Attributes:
        files: The recordings, in order.
        order: The order that clients have to keep.
        is_strict: Refuse what is asked more often than recorded; fail unless all was played.
        conversation: The number of the conversation that every client gets, or None.
        delays: The rule for delays.
        timestamps: "now" or "recorded".
        server: The address of a real server that answers what is missing, or None.
        adds: Add its answers to the files.
        report: The form of the report: "text", "json" or "none".
        report_file: The file for the report, or None.
    """

    files: list[str] = msgspec.field(default_factory=list)
    order: str = Order.ANY.value
    is_strict: bool = False
    conversation: int | None = None
    delays: Delays = NO_DELAYS
    timestamps: str = "now"
    server: str | None = None
    adds: bool = False
    report: str = "text"
    report_file: str | None = None


def parse_options(arguments: Sequence[str], warn: Warn = lambda text: None) -> ReplayOptions:
    """Parse a command line, without the program's name.

    Args:
        arguments: The command line.
        warn: Called with each of QEMU's warnings, as soon as it is found.

    Raises:
        StartError: At the first option that is wrong, unknown or missing.
        StartHelp: If an option asks for help.
    """
    options = ReplayOptions()
    parse_words(
        options,
        arguments,
        flags=_FLAGS,
        readers=_OPTIONS,
        take_word=_take_file,
        warn=warn,
        take_command=take_command,
    )
    if options.wants_help or options.wants_version:
        return options
    if not options.files:
        raise StartError("", None, "found no recording, expected a FILE")
    if options.adds and options.server is None:
        raise StartError("--add", None, "expected --server ADDRESS, too")
    check_control_only(options, can_be_pretty=True)
    check_companions(options)
    return options


def _take_file(options: ReplayOptions, word: str) -> None:
    options.files.append(word)


def _conversation(options: ReplayOptions, option: str, argument: str) -> None:
    if not argument.isascii() or not argument.isdecimal() or not 1 <= int(argument) < 1 << 31:
        raise ValueError("expected a number from 1")
    options.conversation = int(argument)


def _delays(options: ReplayOptions, option: str, argument: str) -> None:
    if argument in (NO_DELAYS, RECORDED):
        options.delays = argument
        return
    try:
        seconds = float(argument)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError("expected none, recorded, or seconds")
    options.delays = seconds


def _server(options: ReplayOptions, option: str, argument: str) -> None:
    try:
        address = parse_address(argument)
    except ValueError as error:
        raise StartError(option, redact_urls(argument), redact_urls(str(error))) from None
    options.server = argument
    if (path := socket_path(address)) is not None:
        options.server = f"unix:{os.path.abspath(path)}"  # a daemon changes its folder


_FLAGS: Final[Mapping[str, Flag[ReplayOptions]]] = {
    **SHARED_FLAGS,
    **GUEST_FLAGS,
    **COMPANION_FLAGS,
    "strict": set_to("is_strict"),
    "add": set_to("adds"),
}
_OPTIONS: Final[Mapping[str, ReadArgument[ReplayOptions]]] = {
    **SHARED_OPTIONS,
    **GUEST_OPTIONS,
    **FAULT_OPTIONS,
    **COMPANION_OPTIONS,
    "order": one_of("order", *(each.value for each in Order)),
    "conversation": _conversation,
    "delays": _delays,
    "timestamps": one_of("timestamps", "now", "recorded"),
    "server": _server,
    "report": one_of("report", "text", "json", "none"),
    "report-file": path_of("report_file"),
}
