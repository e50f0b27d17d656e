"""The transfer of events from the connection to the screen and to the recording."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.client import AsyncClient, AsyncEvents
from qmpeer.errors import ConnectionClosed
from qmpeer.messages import Event
from qmpeer.shell.event_lines import EventFilter
from qmpeer.shell.screen import Screen

if TYPE_CHECKING:
    from qmpeer.shell.recording import Recording


class EventPump:
    """A task that shows the events of the current connection.

    Args:
        screen: The screen that shows them.
        is_on: True if the filter lets all events through at first.

    Attributes:
        filter: The filter for shown events.
        recording: The recording to which all events are written, or None.
    """

    def __init__(self, screen: Screen, *, is_on: bool) -> None:
        self.filter: EventFilter = EventFilter(is_on=is_on)
        self.recording: Recording | None = None
        self._losses: asyncio.Queue[str] = asyncio.Queue()
        self._screen = screen
        self._queue: AsyncEvents[Event] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, client: AsyncClient) -> None:
        """Start to show events, unless the task runs already."""
        if self._task is None:
            self._queue = client.events(match=self._is_wanted)
            self._task = asyncio.ensure_future(self._show(self._queue))

    async def end(self) -> None:
        """Stop showing events."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._queue is not None:
            self._queue.close()
            self._queue = None

    async def _show(self, queue: AsyncEvents[Event]) -> None:
        dropped = 0
        try:
            while True:
                self._handle(await queue.next(None))
                if queue.dropped > dropped and self.filter.is_on:
                    self._screen.add_omitted(queue.dropped - dropped)
                dropped = queue.dropped
                await asyncio.sleep(0)  # next() returns at once in a flood: let keys be handled
        except ConnectionClosed as closed:
            self._task = None
            self._losses.put_nowait(closed.reason)

    async def lost(self) -> str:
        """Wait until a connection ends, and return the reason."""
        return await self._losses.get()

    def record(self, recording: "Recording | None") -> None:
        """Record into a file from now on, or stop recording."""
        if self.recording is not None:
            self.recording.close()
        self.recording = recording

    async def take(self) -> None:
        """Show the events that have already arrived."""
        if self._task is None or self._queue is None:
            return
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            for _ in range(limits.EVENTS_SUBSCRIBED):
                self._handle(await self._queue.next(0))

    def _is_wanted(self, event: Event) -> bool:
        """Return whether an event is shown or recorded.

        Others stay out of the queue, where they could displace events that are wanted.
        """
        return self.recording is not None or self.filter.takes(event)

    def _handle(self, event: Event) -> None:
        if self.recording is not None:
            self.recording.write_event(event)
        if self.filter.takes(event):
            self._screen.show_event(event)
