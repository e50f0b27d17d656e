"""Connections to the server or the guest agent at a command line's address."""

import argparse
from typing import TYPE_CHECKING, Any

from qmpeer import limits
from qmpeer.cli.exits import checked_address
from qmpeer.client import Client

if TYPE_CHECKING:
    from qmpeer.client import GuestAgent


def connect(namespace: argparse.Namespace, **options: Any) -> Client:
    """Connect to the server at ``namespace.address`` with ``namespace.timeout``.

    A subcommand with --wait-for-socket also waits until somebody listens there.

    Raises:
        UsageError: If the address is malformed.
        QMPError: As `Client.connect`.
        OSError: As `Client.connect`.
    """
    with checked_address():
        waits = getattr(namespace, "wait_for_socket", False)
        options = {"wait_for_socket": waits, **_deadlines(namespace), **options}
        return Client.connect(namespace.address, **options)


def connect_agent(namespace: argparse.Namespace, **options: Any) -> "GuestAgent":
    """Connect to the guest agent at ``namespace.address`` with ``namespace.timeout``.

    Raises:
        UsageError: If the address is malformed.
        QMPError: As `GuestAgent.connect`.
        OSError: As `GuestAgent.connect`.
    """
    from qmpeer.client import GuestAgent  # start: 10 ms

    with checked_address():
        return GuestAgent.connect(namespace.address, **_deadlines(namespace) | options)


def _deadlines(namespace: argparse.Namespace) -> dict[str, Any]:
    return {
        "timeout": namespace.timeout or limits.CONNECT_TIMEOUT,
        "command_timeout": namespace.timeout or limits.COMMAND_TIMEOUT,
    }
