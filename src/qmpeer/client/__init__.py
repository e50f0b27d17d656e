"""The clients: `Client` for blocking code, `AsyncClient` for asyncio.

Their names are handed out lazily, so that the one doesn't import what the other needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qmpeer.client.aio import AsyncClient
    from qmpeer.client.aio_subscription import AsyncEvents
    from qmpeer.client.blocking import Client
    from qmpeer.client.subscription import Events

__all__ = ["AsyncClient", "AsyncEvents", "Client", "Events"]


_HOMES = {
    "AsyncClient": "qmpeer.client.aio",
    "AsyncEvents": "qmpeer.client.aio_subscription",
    "Client": "qmpeer.client.blocking",
    "Events": "qmpeer.client.subscription",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
