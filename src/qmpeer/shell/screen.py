"""What a session shows things on: a terminal, or the two streams of a script."""

from typing import Protocol

from qmpeer.display.colours import Palette
from qmpeer.messages import Event
from qmpeer.values import JsonValue


class Screen(Protocol):
    """Show what a session has to say.

    Attributes:
        palette: The colours of texts.
    """

    palette: Palette

    @property
    def width(self) -> int:
        """Columns of a line."""
        ...

    async def show_value(self, value: JsonValue, command: str, seconds: float) -> None:
        """Show what a command returned, and how long that took."""

    async def show_text(self, text: str) -> None:
        """Show a text of several lines, which may be long."""

    async def show_human(self, text: str) -> None:
        """Show what the human monitor printed."""

    def show_event(self, event: Event) -> None:
        """Show an event."""

    def add_omitted(self, count: int) -> None:
        """Take note of events that came too fast to be shown."""

    def note(self, text: str) -> None:
        """Say something of the shell's own."""

    def show_progress(self, text: str) -> None:
        """Show how something stands, in the place of what was last shown so; "" ends it."""
