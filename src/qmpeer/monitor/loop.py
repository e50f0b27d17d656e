"""The event loop that a monitor belongs to, once it has one.

A monitor is made before there is a loop, and it belongs to the first one that it is opened on.
"""

import asyncio
import threading
from collections.abc import Callable


class MonitorLoop:
    """A monitor's event loop and its thread.

    Attributes:
        loop: The loop; None before there is one, and in a forked child.
    """

    __slots__ = ("_thread", "loop")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None

    def attach(self) -> None:
        """Take the loop that runs, unless there is one already."""
        if self.loop is None:
            self.loop = asyncio.get_running_loop()
            self._thread = threading.get_ident()

    def detach(self) -> None:
        """Forget the loop: in a forked child it is the parent's."""
        self.loop = self._thread = None

    @property
    def is_here(self) -> bool:
        """This is the loop's thread."""
        return self._thread == threading.get_ident()

    @property
    def running(self) -> asyncio.AbstractEventLoop:
        """The loop, where there must be one."""
        assert self.loop is not None
        return self.loop

    def call(self, function: Callable[[], object]) -> bool:
        """Have a function called in the loop's thread, soon; callable from any thread.

        Returns:
            Whether it will be: False where there is no loop, or it has been closed.
        """
        if self.loop is None:
            return False
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True
