"""A session: the connection, what is shown of it, and what was said last."""

import time
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.client.answers import read_answer
from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.shell.documentation import Documentation
from qmpeer.shell.event_pump import EventPump
from qmpeer.shell.human import HumanMonitor
from qmpeer.shell.link import Link
from qmpeer.shell.screen import Screen
from qmpeer.shell.settings import Settings
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.shell.recording import Recording


class Session:
    """A conversation with a server.

    Args:
        link: The connection.
        screen: What things are shown on.
        settings: The settings.
        documentation: Returns the documentation that help shows, None if there is none.

    Attributes:
        link: The connection.
        screen: What things are shown on.
        settings: The settings.
        documentation: Returns the documentation that help shows, None if there is none.
        events: Shows the events, and records them.
        mark: Events with greater numbers came since the last command was sent.
        last: The last reply.
        has_value: There was one.
        is_unanswered: The line sent a command, and there is no reply yet.
    """

    def __init__(
        self,
        link: Link,
        screen: Screen,
        settings: Settings,
        documentation: Documentation = lambda: None,
    ) -> None:
        self.link: Link = link
        self.screen: Screen = screen
        self.settings: Settings = settings
        self.documentation: Documentation = documentation
        self.events: EventPump = EventPump(screen, is_on=settings.is_interactive)
        self.mark: int = 0
        self.last: JsonValue = None
        self.has_value: bool = False
        self.is_unanswered: bool = False
        self._human = HumanMonitor()

    # --- Commands -------------------------------------------------------------------------------

    def begin_line(self) -> None:
        """Take note that a line begins: nothing of it was sent yet."""
        self.is_unanswered = False

    async def execute(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> None:
        """Execute a command, and show what it returns.

        Raises:
            CommandError: If the server returned an error.
            QMPError: If the connection ends.
            TimeoutError: If there is no reply in time.
        """
        value, seconds = await self._ask(name, arguments, is_oob=is_oob)
        await self.screen.show_value(value, name, seconds)

    async def human(self, line: str) -> None:
        """Execute a line of the human monitor.

        Raises:
            QMPError: As `execute`.
        """
        value, _ = await self._ask("human-monitor-command", self._human.arguments(line))
        text = read_answer("human-monitor-command", value, str, "text")
        self._human.take(line, text)
        await self.screen.show_human(text)

    async def _ask(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> tuple[JsonValue, float]:
        client = self.link.connected()
        self.mark = await client.event_mark()
        recording = self.events.recording
        if recording is not None:
            recording.sent(name, arguments, is_oob=is_oob)
        begin = time.monotonic()
        self.is_unanswered = True
        try:
            value: JsonValue = await self.link.execute(
                name, arguments, is_oob=is_oob, timeout=self.settings.timeout
            )
        except CommandError as error:
            self.is_unanswered = False
            await self.events.take()
            if recording is not None:
                recording.failed(error.error_class, error.desc)
            raise
        self.is_unanswered = False
        seconds = time.monotonic() - begin
        await self.events.take()
        if recording is not None:
            recording.returned(value)
        self._remember(value)
        return value, seconds

    def take(self, event: Event) -> None:
        """Take an event that was waited for as the last reply; what came before it is passed."""
        self.mark = event.number
        self._remember(event.data)

    def _remember(self, value: JsonValue) -> None:
        self.last, self.has_value = value, True

    # --- The connection and its events ----------------------------------------------------------

    async def connect(self) -> None:
        """Connect, for the first time or again, and say who is there.

        Raises:
            OSError: As `Link.connect`.
            QMPError: As `Link.connect`.
        """
        self.begin_line()
        await self.events.end()
        await self.link.connect(self._tell_silence)
        self.mark = 0
        if self.settings.is_interactive:
            self.screen.note(self.welcome())
        if (
            self.settings.is_interactive
            or self.events.recording is not None
            or self.events.filter.is_on
        ):
            self.take_up_events()

    def _tell_silence(self) -> None:
        address, seconds = visible(self.link.address), f"{limits.SHELL_SILENCE:g} seconds"
        if self.link.negotiate:
            self.screen.note(
                f"nobody has greeted at {address} for {seconds}: a monitor serves one client at a "
                "time, and another may hold this one. Close that one, or give QEMU a second "
                "monitor (-qmp). Still waiting; C-c gives up. If this is a guest agent, which "
                "doesn't greet, add --no-negotiate"
            )
        else:
            self.screen.note(
                f"no guest agent has answered at {address} for {seconds}: it may not run yet, its "
                "guest may be stopped, or another client may hold its port. Still waiting; C-c "
                "gives up"
            )

    def welcome(self) -> str:
        """Return what to say once there is a connection."""
        address = visible(self.link.address)
        greeting = self.link.connected().greeting
        if greeting is None:
            return f"connected to {address}; help tells more, C-d leaves"
        if greeting.version is None:
            return f"connected to a QMP server at {address}; help tells more, C-d leaves"
        qemu, package = greeting.version.qemu, visible(greeting.version.package)
        version = f"{qemu.major}.{qemu.minor}.{qemu.micro}"
        behind = f" ({package})" if package else ""
        return f"connected to QEMU {version}{behind}; help tells more, C-d leaves"

    def take_up_events(self) -> None:
        """Begin to show events, and to record them, unless that was done."""
        if self.link.is_connected:
            self.events.begin(self.link.connected())

    def record(self, recording: "Recording | None") -> None:
        """Record the conversation there, or nowhere."""
        self.events.record(recording)
        if recording is not None:
            self.take_up_events()

    async def close(self) -> None:
        """End it."""
        await self.events.end()
        self.events.record(None)
        await self.link.close()
