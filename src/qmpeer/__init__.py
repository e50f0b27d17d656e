"""QMP, the QEMU Machine Protocol, for Python: both ends of the wire.

Names are imported lazily (PEP 562): a program that only uses `Client` doesn't import asyncio.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.client.aio.client import AsyncClient as AsyncClient
    from qmpeer.client.aio.guest_agent import AsyncGuestAgent as AsyncGuestAgent
    from qmpeer.client.blocking.client import Client as Client
    from qmpeer.client.blocking.guest_agent import GuestAgent as GuestAgent
    from qmpeer.errors import AnswerError as AnswerError
    from qmpeer.errors import CommandError as CommandError
    from qmpeer.errors import CommandInterrupted as CommandInterrupted
    from qmpeer.errors import CompletionError as CompletionError
    from qmpeer.errors import ConflictError as ConflictError
    from qmpeer.errors import ConnectionClosed as ConnectionClosed
    from qmpeer.errors import JobError as JobError
    from qmpeer.errors import MigrationError as MigrationError
    from qmpeer.errors import NegotiationError as NegotiationError
    from qmpeer.errors import QMPError as QMPError
    from qmpeer.messages import Event as Event
    from qmpeer.messages import Greeting as Greeting
    from qmpeer.monitor import Context as Context
    from qmpeer.monitor import Monitor as Monitor

__version__ = "0.1.0"

_HOMES = {
    "AnswerError": "qmpeer.errors",
    "AsyncClient": "qmpeer.client.aio.client",
    "AsyncGuestAgent": "qmpeer.client.aio.guest_agent",
    "Client": "qmpeer.client.blocking.client",
    "CommandError": "qmpeer.errors",
    "CommandInterrupted": "qmpeer.errors",
    "CompletionError": "qmpeer.errors",
    "ConflictError": "qmpeer.errors",
    "ConnectionClosed": "qmpeer.errors",
    "Context": "qmpeer.monitor",
    "Event": "qmpeer.messages",
    "Greeting": "qmpeer.messages",
    "GuestAgent": "qmpeer.client.blocking.guest_agent",
    "JobError": "qmpeer.errors",
    "MigrationError": "qmpeer.errors",
    "Monitor": "qmpeer.monitor",
    "NegotiationError": "qmpeer.errors",
    "QMPError": "qmpeer.errors",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all are names


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted(__all__)
