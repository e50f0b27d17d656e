"""Connections to the server, or the guest agent, that a command line names."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qmpeer import limits
from qmpeer.cli.exits import UsageError
from qmpeer.client import Client, GuestAgent

__all__ = ["checked_address", "connect", "connect_agent"]


@contextmanager
def checked_address() -> Iterator[None]:
    """Re-raise ValueError, which an address of no known form raises, as UsageError.

    Raises:
        UsageError: If a ValueError is raised within.
    """
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error


def connect(given: argparse.Namespace, **options: Any) -> Client:
    """Connect to the server at ``given.address``, with the deadlines of ``given.timeout``.

    Raises:
        UsageError: If the address isn't one.
        QMPError: As `Client.connect`.
        OSError: As `Client.connect`.
    """
    with checked_address():
        return Client.connect(given.address, **_deadlines(given) | options)


def connect_agent(given: argparse.Namespace, **options: Any) -> GuestAgent:
    """Connect to the guest agent at ``given.address``, with the deadlines of ``given.timeout``.

    Raises:
        UsageError: If the address isn't one.
        QMPError: As `GuestAgent.connect`.
        OSError: As `GuestAgent.connect`.
    """
    with checked_address():
        return GuestAgent.connect(given.address, **_deadlines(given) | options)


def _deadlines(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "timeout": given.timeout or limits.CONNECT_TIMEOUT,
        "command_timeout": given.timeout or limits.COMMAND_TIMEOUT,
    }
