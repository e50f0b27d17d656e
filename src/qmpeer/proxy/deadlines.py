"""The deadlines of requests: one timer for all of them."""

import asyncio
from collections.abc import Callable

from qmpeer.proxy.request import Request


class Deadlines:
    """The requests that must be answered in time, the earliest first.

    Args:
        seconds: The time that each request has; None for ever.
        on_due: Called with each request whose time is over, and with that time.
    """

    __slots__ = ("_on_due", "_requests", "_seconds", "_timer")

    def __init__(self, seconds: float | None, on_due: Callable[[Request, float], None]) -> None:
        self._seconds = seconds
        self._on_due = on_due
        self._requests: dict[Request, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: Request) -> None:
        """Watch a request, which has come now."""
        if self._seconds is not None:
            self._requests[request] = None
            if self._timer is None:
                self._set_timer(request.began + self._seconds)

    def remove(self, request: Request) -> None:
        """Watch a request no more: it is answered, or its client has left."""
        self._requests.pop(request, None)

    def close(self) -> None:
        """Watch nothing any more."""
        self._requests.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, due: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(due, self._check)

    def _check(self) -> None:
        self._timer = None
        assert self._seconds is not None
        latest = asyncio.get_running_loop().time() - self._seconds
        while (first := next(iter(self._requests), None)) is not None:
            if first.began > latest:
                self._set_timer(first.began + self._seconds)
                break
            del self._requests[first]
            self._on_due(first, self._seconds)
