"""The output of a session: a terminal, or the two streams of a script."""

from typing import Protocol

from qmpeer.display.colours import Palette
from qmpeer.messages import Event
from qmpeer.values import JsonValue


class Screen(Protocol):
    """The output of a session.

    Attributes:
        palette: The colours of texts.
    """

    palette: Palette

    @property
    def width(self) -> int:
        """Columns of a line."""
        ...

    async def show_value(self, value: JsonValue, command: str, seconds: float) -> None:
        """Show a command's return value, and the seconds that it took."""

    async def show_text(self, text: str) -> None:
        """Show a text of any number of lines."""

    async def show_human(self, text: str) -> None:
        """Show the output of the human monitor."""

    def show_event(self, event: Event) -> None:
        """Show an event."""

    def add_omitted(self, count: int) -> None:
        """Add to the count of events that came too fast to be shown."""

    def note(self, text: str) -> None:
        """Show a message of the shell."""

    def show_progress(self, text: str) -> None:
        """Show progress in place of the last progress text; "" ends it."""
