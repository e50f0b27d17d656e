"""What the tools that talk to a server have in common: some options, and how they connect."""

import argparse
from typing import TYPE_CHECKING, Any, Final

from qmpeer import limits
from qmpeer.cli.command_line import CommandLine, seconds
from qmpeer.cli.exits import UsageError

if TYPE_CHECKING:
    from qmpeer.client import Client

ADDRESS_HELP: Final = "unix:PATH, tcp:HOST:PORT, ..."


def add_common(parser: CommandLine, *, has_address: bool = True) -> None:
    """Add the options that each tool has."""
    if has_address:
        parser.add_argument("address", metavar="ADDRESS", help=ADDRESS_HELP)
    parser.add_argument("--json", action="store_true", help="JSON, for programs")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="seconds until connected, and then until each reply; by default 10 and 300",
    )


def connect(given: argparse.Namespace, **options: Any) -> "Client":
    """Connect to the server that the words name.

    Raises:
        UsageError: If the address isn't one.
        QMPError: As `Client.connect`.
        OSError: As `Client.connect`.
    """
    from qmpeer.client import Client

    timeout = options.pop("timeout", given.timeout)
    try:
        return Client.connect(
            given.address,
            timeout=limits.CONNECT_TIMEOUT if timeout is None else timeout,
            command_timeout=limits.COMMAND_TIMEOUT if given.timeout is None else given.timeout,
            **options,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
