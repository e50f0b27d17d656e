"""The interface of an observer, which sees every byte that passes a relay.

An observer can't harm a link: one that raises is logged, and that link goes on without it.
"""

import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from qmpeer.transcript import Sender

ResultT = TypeVar("ResultT")

_log: Final = logging.getLogger("qmpeer.relay")


class LinkObserver(Protocol):
    """The observer of one client's connection. All calls come from the relay's thread."""

    def passed(self, sender: Sender, data: bytes, fds: int) -> None:
        """Take bytes that were passed on.

        A chunk has at most 64 KiB. It may hold several messages, or a part of one.

        Args:
            sender: The end that sent them.
            data: The bytes.
            fds: The number of descriptors that came with them.
        """

    def closed(self, by: Sender | None, reason: str) -> None:
        """Handle the end of the connection. It is the last call.

        Args:
            by: The end that left first; None if the relay ended the connection.
            reason: The error's text, or "" for a plain end.
        """


class Observer(Protocol):
    """The observer of all connections of a relay."""

    def opened(self, peer: str) -> LinkObserver:
        """Return the observer of a client that has connected.

        Args:
            peer: The client's name in logs.
        """


class GuardedObserver:
    """A link's observer, or none; its exceptions go to the log.

    Args:
        observer: The relay's observer, or None.
        peer: The client's name.
        name: The link's name in the log.
    """

    __slots__ = ("_name", "_observer")

    def __init__(self, observer: Observer | None, peer: str, name: str) -> None:
        self._name = name
        self._observer: LinkObserver | None = None
        if observer is not None:
            self._observer = self._guarded(lambda: observer.opened(peer))

    @property
    def is_watching(self) -> bool:
        """True if there is an observer that has not failed."""
        return self._observer is not None

    def passed(self, sender: Sender, data: bytes, fds: int) -> None:
        """Forward the call."""
        observer = self._observer
        if observer is not None:
            self._guarded(lambda: observer.passed(sender, data, fds))

    def closed(self, by: Sender | None, reason: str) -> None:
        """Forward the call."""
        observer = self._observer
        if observer is not None:
            self._guarded(lambda: observer.closed(by, reason))

    def _guarded(self, call: Callable[[], ResultT]) -> ResultT | None:
        try:
            return call()
        except Exception:
            self._observer = None
            _log.exception("%s: its observer failed, so the link goes on without it", self._name)
            return None
