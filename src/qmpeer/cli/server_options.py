"""The options of programs between clients and a server: its address, and how it is dialled."""

import os
from collections.abc import Mapping
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import seconds
from qmpeer.messages import redact_urls
from qmpeer.options import Flag, ProgramOptions, ReadArgument, StartError, set_to
from qmpeer.transport import parse_address
from qmpeer.transport.address import socket_path

FAILED: Final = 2
"""The exit status of such a program if it can't start, as of a wrong command line elsewhere."""
OWN_OPTIONS: Final = """\
options:
  --timeout S         wait at most S seconds for each connection to ADDRESS (default 10)
  --wait-for-socket   keep trying for that time while nobody listens at ADDRESS yet
"""


class ServerOptions(ProgramOptions, kw_only=True):
    """The options of a program that passes clients on to a server.

    Attributes:
        server: The server's address.
        timeout: The time limit for connecting to it, in seconds.
        waits_for_socket: True to try again while nobody listens there.
    """

    server: str = ""
    timeout: float = limits.CONNECT_TIMEOUT
    waits_for_socket: bool = False


def take_address(options: ServerOptions, word: str) -> None:
    """Take a word that is no option: the server's address."""
    if options.server:
        raise StartError(redact_urls(word), None, "there is an ADDRESS already, expected an option")
    options.server = word


def _timeout(options: ServerOptions, option: str, argument: str) -> None:
    try:
        options.timeout = seconds(argument)
    except ValueError:
        raise ValueError("expected a positive number of seconds") from None


SERVER_FLAGS: Final[Mapping[str, Flag[ServerOptions]]] = {
    "wait-for-socket": set_to("waits_for_socket")
}
SERVER_OPTIONS: Final[Mapping[str, ReadArgument[ServerOptions]]] = {"timeout": _timeout}


def check_server(options: ServerOptions) -> None:
    """Check the server's address, and make its path absolute: a daemon changes its folder.

    Raises:
        StartError: If it is missing or invalid, or if one of the clients' places is the same.
    """
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
    path = socket_path(address)
    if path is None:
        return
    path = os.path.abspath(path)
    options.server = f"unix:{path}"
    for chardev in options.chardevs:
        values = chardev.description.values
        if values.get("server") and os.path.abspath(str(values.get("path") or "")) == path:
            # It would take the server's path, and then pass its clients on to itself.
            reason = "this is the server's address, expected another one for the clients"
            raise StartError(chardev.option, chardev.argument, reason)
