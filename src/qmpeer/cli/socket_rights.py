"""The options for the rights of a program's unix sockets: their mode, and their owner."""

import grp
import pwd
from collections.abc import Callable, Mapping
from typing import Final

from qmpeer.cli.server_options import ServerOptions
from qmpeer.options import ReadArgument
from qmpeer.transport.listening import Owner

RIGHTS_USAGE: Final = """\
  --socket-mode MODE  the mode of the unix sockets for clients, in octal (default 600)
  --socket-owner USER|USER:GROUP|:GROUP
                      their owner; as root, or for a group of one's own
"""
_MOST: Final = 0o777


class SocketRights(ServerOptions, kw_only=True):
    """Options with the rights of unix sockets.

    Attributes:
        socket_mode: Their mode; None for the usual one.
        socket_owner: Their user and group; None for those of the process.
    """

    socket_mode: int | None = None
    socket_owner: Owner | None = None


def _mode(options: SocketRights, option: str, argument: str) -> None:
    is_octal = argument and not argument.strip("01234567") and len(argument) <= 5
    if not is_octal or int(argument, 8) > _MOST:
        raise ValueError("expected a mode in octal, such as 660, at most 777")
    options.socket_mode = int(argument, 8)


def _owner(options: SocketRights, option: str, argument: str) -> None:
    user, _, group = argument.partition(":")
    if not (user or group):
        raise ValueError("expected USER, USER:GROUP or :GROUP")
    options.socket_owner = (
        _number(user, "user", lambda name: pwd.getpwnam(name).pw_uid),
        _number(group, "group", lambda name: grp.getgrnam(name).gr_gid),
    )


RIGHTS_OPTIONS: Final[Mapping[str, ReadArgument[SocketRights]]] = {
    "socket-mode": _mode,
    "socket-owner": _owner,
}


def _number(name: str, kind: str, look_up: Callable[[str], int]) -> int:
    """Return the number of a user or a group, which may be the name; -1 for no name."""
    if not name:
        return -1
    try:
        return look_up(name)
    except (KeyError, ValueError):
        pass
    if name.isascii() and name.isdigit() and int(name) < (1 << 32) - 1:
        return int(name)
    raise ValueError(f"found no {kind} {name!r}")
