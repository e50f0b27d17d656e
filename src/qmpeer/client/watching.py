"""Watchers of new clients, for programs that look for connections that nobody has closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qmpeer.protocol import CLOSED_BY_US
from qmpeer.transport import address_text

_watchers: list[Callable[[Any], None]] = []


@contextmanager
def watched_clients(watch: Callable[[Any], None]) -> Iterator[None]:
    """Call a function with each client that is made in this process meanwhile, in its thread."""
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)


def announce(client: object) -> None:
    """Call each watcher with a new client."""
    for watch in tuple(_watchers):
        watch(client)


def was_closed(client: Any) -> bool:
    """Return whether somebody has closed a client; if the server has left it's not closed yet."""
    channel = client._channel
    if channel is None or hasattr(client, "_is_closed"):  # a guest agent
        return bool(client.is_closed)
    end = channel.end
    has_closed = end is not None and end.reason == CLOSED_BY_US
    return has_closed or getattr(channel, "is_closing", False)


def peer_of(client: Any) -> str:
    """Return the address of a client's server."""
    channel = client._channel
    return address_text(client._address) if channel is None else str(channel.session.peer)
