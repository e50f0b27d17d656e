"""The command line of ``qmpeer proxy``: a server's address, and QEMU's options for clients."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Literal

from qmpeer import limits
from qmpeer.cli.command_line import seconds
from qmpeer.cli.guard_options import GUARD_FLAGS, GUARD_OPTIONS, check_guard
from qmpeer.cli.place_options import (
    PLACE_FLAGS,
    PLACE_OPTIONS,
    find_places,
    only_restores,
)
from qmpeer.cli.proxy_listeners import ListenerOptions, with_listener_keys, with_object_keys
from qmpeer.cli.server_options import (
    SERVER_FLAGS,
    SERVER_OPTIONS,
    check_server,
    take_address,
)
from qmpeer.client.reconnection import can_be_dialled_again
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


class ProxyOptions(ListenerOptions, kw_only=True):
    """The options of one command line.

    Attributes:
        window: The in-band commands that may be at the server at once.
        command_timeout: Seconds within which the server must answer a command; None for ever.
        persists: Stay when the connection to the server ends.
        reconnects: Stay, and connect again.
        when_down: What happens to commands while there is no server; None if it wasn't said.
        listens_first: True to listen before the server has greeted, and to wait for it for ever.
    """

    window: int = limits.PROXY_WINDOW
    command_timeout: float | None = limits.COMMAND_TIMEOUT
    persists: bool = False
    reconnects: bool = False
    when_down: Literal["wait", "fail"] | None = None
    listens_first: bool = False


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
    if not (options.wants_help or options.wants_version or only_restores(options)):
        check_server(options)
        find_places(options)
        check_control_only(options, can_be_pretty=True)
        check_companions(options)
        check_guard(options)
        _check_staying(options)
    return options


def _check_staying(options: ProxyOptions) -> None:
    """Check the options for the time when the server has gone."""
    if not (options.persists or options.reconnects):
        if options.when_down is not None:
            reason = "the proxy ends with its server, expected --persist or --reconnect, too"
            raise StartError("--when-down", options.when_down, reason)
        return
    if not can_be_dialled_again(options.server):
        option = "--reconnect" if options.reconnects else "--persist"
        reason = "ADDRESS is a descriptor, expected one that can be connected to again"
        raise StartError(option, None, reason)


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


def _when_down(options: ProxyOptions, option: str, argument: str) -> None:
    if argument not in ("wait", "fail"):
        raise ValueError("expected wait or fail")
    options.when_down = "wait" if argument == "wait" else "fail"


def _only_with(option: str, *names: str) -> dict[str, Flag[ProxyOptions]]:
    """Return flags that refuse options which go with another one, whatever their arguments."""

    def refuse(name: str, options: ProxyOptions) -> None:
        raise StartError(f"--{name}", None, f"it belongs to {option}, which isn't there")

    return {name: partial(refuse, name) for name in names}


_FLAGS: Final[Mapping[str, Flag[ProxyOptions]]] = {
    **_only_with(
        "--status ADDRESS", "follow", "interval", "count", "disconnect", "reload-policy", "json"
    ),
    **_only_with("--install-emulator FILE", "qemu", "or-direct"),
    **GUEST_FLAGS,
    **SHARED_FLAGS,
    **COMPANION_FLAGS,
    **SERVER_FLAGS,
    **PLACE_FLAGS,
    **GUARD_FLAGS,
    "persist": set_to("persists"),
    "reconnect": set_to("reconnects"),
    "listen-first": set_to("listens_first"),
}
_OPTIONS: Final[Mapping[str, ReadArgument[ProxyOptions]]] = {
    **GUEST_OPTIONS,
    **SHARED_OPTIONS,
    **COMPANION_OPTIONS,
    **SERVER_OPTIONS,
    **{name: with_listener_keys(SHARED_OPTIONS[name]) for name in ("mon", "qmp", "qmp-pretty")},
    "object": with_object_keys(SHARED_OPTIONS["object"]),
    **PLACE_OPTIONS,
    **GUARD_OPTIONS,
    "window": _window,
    "command-timeout": _command_timeout,
    "when-down": _when_down,
}
