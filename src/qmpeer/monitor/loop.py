"""The event loop of a monitor.

A monitor is made without a loop. It belongs to the first loop that it is opened on.
"""

import asyncio
import threading
from collections.abc import Callable


class MonitorLoop:
    """A monitor's event loop and its thread.

    Attributes:
        loop: The loop; None before the monitor is opened, and in a forked child.
    """

    __slots__ = ("_thread", "loop")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None

    def attach(self) -> None:
        """Take the running loop, unless one is set already."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self._thread = threading.get_ident()

    def detach(self) -> None:
        """Forget the loop: in a forked child it belongs to the parent."""
        self.loop = self._thread = None

    @property
    def is_here(self) -> bool:
        """True if the caller runs in the loop's thread."""
        return self._thread == threading.get_ident()

    @property
    def running(self) -> asyncio.AbstractEventLoop:
        """The loop, which must be set."""
        assert self.loop is not None
        return self.loop

    def call(self, function: Callable[[], object]) -> bool:
        """Schedule a function in the loop's thread; callable from any thread.

        Returns:
            True if it is scheduled; False if there is no loop or the loop is closed.
        """
        if self.loop is None:
            return False
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:  # closed between the check and the call
            return False
        return True
