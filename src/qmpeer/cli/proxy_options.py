"""The command line of ``qmpeer proxy``: a server's address, and QEMU's options for clients."""

import os
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.cli.command_line import seconds
from qmpeer.cli.server_options import SERVER_FLAGS, SERVER_OPTIONS, check_server, take_address
from qmpeer.cli.socket_rights import RIGHTS_OPTIONS, SocketRights
from qmpeer.messages import redact_urls
from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    GUEST_FLAGS,
    GUEST_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ReadArgument,
    StartError,
    Warn,
    check_companions,
    parse_words,
    set_to,
    take_command,
)
from qmpeer.options.control_monitors import check_control_only
from qmpeer.options.service_manager import PassedSocket, passed_sockets
from qmpeer.transport import UnixAddress, parse_address


class ProxyOptions(SocketRights, kw_only=True):
    """The options of one command line.

    Attributes:
        window: The in-band commands that may be at the server at once.
        command_timeout: Seconds within which the server must answer a command; None for ever.
        takes_over: True to stand in the place of the server's socket.
        restores: The path of a moved socket that is only to be put back; "" for none.
        passed: The listening sockets of a service manager.
    """

    window: int = limits.PROXY_WINDOW
    command_timeout: float | None = limits.COMMAND_TIMEOUT
    takes_over: bool = False
    restores: str = ""
    passed: list[PassedSocket] = msgspec.field(default_factory=list)


def parse_options(words: Sequence[str], warn: Warn) -> ProxyOptions:
    """Parse the words behind the subcommand.

    Args:
        words: The words.
        warn: Called with each of QEMU's warnings, as soon as it is found.

    Raises:
        StartError: If the command line is wrong.
        StartHelp: If an option asks for help.
    """
    options = ProxyOptions()
    parse_words(
        options,
        words,
        flags=_FLAGS,
        readers=_OPTIONS,
        take_word=take_address,
        warn=warn,
        take_command=take_command,
    )
    if not (options.wants_help or options.wants_version or _only_restores(options)):
        check_server(options)
        _find_places(options)
        check_control_only(options, can_be_pretty=True)
        check_companions(options)
    return options


def _window(options: ProxyOptions, option: str, argument: str) -> None:
    most = limits.IN_BAND_QUEUE - 1
    if argument not in map(str, range(1, most + 1)):
        raise ValueError(f"expected a number of commands, 1 to {most}")
    options.window = int(argument)


def _command_timeout(options: ProxyOptions, option: str, argument: str) -> None:
    try:
        options.command_timeout = None if argument == "off" else seconds(argument)
    except ValueError:
        raise ValueError("expected a positive number of seconds, or off") from None


def _restores(options: ProxyOptions, option: str, argument: str) -> None:
    options.restores = _path(argument)


def _path(text: str) -> str:
    address = parse_address(text)
    if not isinstance(address, UnixAddress) or address.is_abstract:
        raise ValueError("expected the path of a unix socket")
    return os.path.abspath(address.path)


def _only_restores(options: ProxyOptions) -> bool:
    """Return True if a socket is to be put back, and nothing else to be done.

    Raises:
        StartError: If there is something else.
    """
    if options.restores and (options.server or options.takes_over or options.monitors):
        reason = "expected no ADDRESS and no listener besides"
        raise StartError("--restore", options.restores, reason)
    return bool(options.restores)


def _find_places(options: ProxyOptions) -> None:
    """Record where the proxy listens besides its devices.

    Raises:
        StartError: If it is to take the place of what isn't a unix socket with a path.
    """
    if options.takes_over:
        try:
            options.places.append(UnixAddress(_path(options.server)))
        except ValueError as error:
            shown = redact_urls(options.server)
            raise StartError("--take-over", None, f"found {shown!r}, {error}") from error
    used = {each.description.values.get("fd") for each in options.chardevs}
    options.passed = [each for each in passed_sockets() if str(each.fd) not in used]
    options.places.extend(each.address for each in options.passed)


_FLAGS: Final[Mapping[str, Flag[ProxyOptions]]] = {
    **GUEST_FLAGS,
    **SHARED_FLAGS,
    **COMPANION_FLAGS,
    **SERVER_FLAGS,
    "take-over": set_to("takes_over"),
}
_OPTIONS: Final[Mapping[str, ReadArgument[ProxyOptions]]] = {
    **GUEST_OPTIONS,
    **SHARED_OPTIONS,
    **COMPANION_OPTIONS,
    **SERVER_OPTIONS,
    **RIGHTS_OPTIONS,
    "restore": _restores,
    "window": _window,
    "command-timeout": _command_timeout,
}
