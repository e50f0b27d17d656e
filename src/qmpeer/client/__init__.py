"""The clients: `Client` for blocking code, `AsyncClient` for asyncio.

Their names are handed out lazily, so that the one doesn't import what the other needs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qmpeer.client.aio import AsyncClient, AsyncEvents
    from qmpeer.client.blocking import Client, Events

__all__ = ["AsyncClient", "AsyncEvents", "Client", "Events"]


def __getattr__(name: str) -> object:
    if name in ("AsyncClient", "AsyncEvents"):
        from qmpeer.client import aio

        return getattr(aio, name)
    if name in ("Client", "Events"):
        from qmpeer.client import blocking

        return getattr(blocking, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
