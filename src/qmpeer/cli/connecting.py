"""Connections to the server, or the guest agent, that a command line names."""

import argparse
from typing import TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.cli.exits import checked_address
from qmpeer.client import Client

if TYPE_CHECKING:
    from qmpeer.client import GuestAgent


def connect(given: argparse.Namespace, **options: Any) -> Client:
    """Connect to the server at ``given.address``, with the deadlines of ``given.timeout``.

    Raises:
        UsageError: If the address isn't one.
        QMPError: As `Client.connect`.
        OSError: As `Client.connect`.
    """
    with checked_address():
        return Client.connect(given.address, **_deadlines(given) | options)


def connect_agent(given: argparse.Namespace, **options: Any) -> "GuestAgent":
    """Connect to the guest agent at ``given.address``, with the deadlines of ``given.timeout``.

    Raises:
        UsageError: If the address isn't one.
        QMPError: As `GuestAgent.connect`.
        OSError: As `GuestAgent.connect`.
    """
    from qmpeer.client import GuestAgent  # start: 10 ms

    with checked_address():
        return GuestAgent.connect(given.address, **_deadlines(given) | options)


def _deadlines(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "timeout": given.timeout or limits.CONNECT_TIMEOUT,
        "command_timeout": given.timeout or limits.COMMAND_TIMEOUT,
    }
