"""The options about the places of a proxy's clients: the server's own, passed sockets, rights."""

import grp
import os
import pwd
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from qmpeer.cli.server_options import ServerOptions
from qmpeer.messages import redact_urls
from qmpeer.options import Flag, ReadArgument, StartError, set_to
from qmpeer.options.service_manager import PassedSocket, passed_sockets
from qmpeer.transport import UnixAddress, parse_address
from qmpeer.transport.address import socket_path
from qmpeer.transport.listening import Owner

PLACE_USAGE: Final = """\
  --take-over         move the server's unix socket aside, to a name beside it, and listen in its
                      place, with its mode and owner; put it back at the end. If another client
                      holds the server, say which, and change nothing
  --restore PATH      only put a socket back that a proxy has left aside when it was killed
  --socket-mode MODE  the mode of the unix sockets for clients, in octal (default 600)
  --socket-owner USER|USER:GROUP|:GROUP
                      their owner; as root, or for a group of one's own
"""
_MOST_MODE: Final = 0o777
_NO_NUMBER: Final = (1 << 32) - 1


class PlaceOptions(ServerOptions, kw_only=True):
    """The options about places.

    Attributes:
        takes_over: True to stand in the place of the server's socket.
        restores: The path of a moved socket that is only to be put back; "" for none.
        passed: The listening sockets of a service manager.
        socket_mode: The mode of the unix sockets; None for the usual one.
        socket_owner: Their user and group; None for those of the process.
    """

    takes_over: bool = False
    restores: str = ""
    passed: list[PassedSocket] = msgspec.field(default_factory=list)
    socket_mode: int | None = None
    socket_owner: Owner | None = None


def only_restores(options: PlaceOptions) -> bool:
    """Return True if a socket is to be put back, and nothing else to be done.

    Raises:
        StartError: If there is something else.
    """
    if options.restores and (options.server or options.takes_over or options.monitors):
        reason = "expected no ADDRESS and no listener besides"
        raise StartError("--restore", options.restores, reason)
    return bool(options.restores)


def find_places(options: PlaceOptions) -> None:
    """Record where the proxy listens besides its devices.

    Raises:
        StartError: If it is to take the place of something else than a unix socket with a path.
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


def _restores(options: PlaceOptions, option: str, argument: str) -> None:
    options.restores = _path(argument)


def _path(text: str) -> str:
    path = socket_path(parse_address(text))
    if path is None:
        raise ValueError("expected the path of a unix socket")
    return os.path.abspath(path)


def _mode(options: PlaceOptions, option: str, argument: str) -> None:
    is_octal = argument and not argument.strip("01234567") and len(argument) <= 5
    if not is_octal or int(argument, 8) > _MOST_MODE:
        raise ValueError("expected a mode in octal, such as 660, at most 777")
    options.socket_mode = int(argument, 8)


def _owner(options: PlaceOptions, option: str, argument: str) -> None:
    user, _, group = argument.partition(":")
    if not (user or group):
        raise ValueError("expected USER, USER:GROUP or :GROUP")
    options.socket_owner = (
        _number(user, "user", lambda name: pwd.getpwnam(name).pw_uid),
        _number(group, "group", lambda name: grp.getgrnam(name).gr_gid),
    )


def _number(name: str, kind: str, look_up: Callable[[str], int]) -> int:
    """Return the number of a user or a group, which may be the name; -1 for no name."""
    if not name:
        return -1
    try:
        return look_up(name)
    except (KeyError, ValueError):
        pass
    if name.isascii() and name.isdigit() and len(name) < 11 and int(name) < _NO_NUMBER:
        return int(name)
    raise ValueError(f"found no {kind} {name!r}")


PLACE_FLAGS: Final[Mapping[str, Flag[PlaceOptions]]] = {"take-over": set_to("takes_over")}
PLACE_OPTIONS: Final[Mapping[str, ReadArgument[PlaceOptions]]] = {
    "restore": _restores,
    "socket-mode": _mode,
    "socket-owner": _owner,
}
