"""A session: the connection, its screen, its settings, and the last reply."""

import time
from typing import TYPE_CHECKING

from qmpeer import limits
from qmpeer.client.answers import read_answer
from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.documentation import Documentation
from qmpeer.shell.event_pump import EventPump
from qmpeer.shell.human import HumanMonitor
from qmpeer.shell.screen import Screen
from qmpeer.shell.settings import Settings
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.shell.recording import Recording


class Session:
    """A conversation with a server.

    Args:
        connection: The connection.
        screen: The output.
        settings: The settings.
        documentation: Returns the documentation that help shows, or None.

    Attributes:
        connection: The connection.
        screen: The output.
        settings: The settings.
        documentation: Returns the documentation that help shows, or None.
        events: The task that shows and records events.
        mark: The event mark of the last command; events with greater numbers arrived after it.
        last: The last reply.
        has_value: True once there was a reply.
        is_unanswered: True while a command of the current line waits for its reply.
    """

    def __init__(
        self,
        connection: ShellConnection,
        screen: Screen,
        settings: Settings,
        documentation: Documentation = lambda: None,
    ) -> None:
        self.connection: ShellConnection = connection
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
        """Reset the state of the line before; nothing of the new line was sent yet."""
        self.is_unanswered = False

    async def execute(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> None:
        """Execute a command, and show its return value.

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
        self._human.update(line, text)
        await self.screen.show_human(text)

    async def _ask(
        self, name: str, arguments: JsonObject | None, *, is_oob: bool = False
    ) -> tuple[JsonValue, float]:
        client = self.connection.connected()
        # Before the command is sent, so that 'stop', then 'wait STOP' finds the event.
        self.mark = await client.event_mark()
        recording = self.events.recording
        if recording is not None:
            recording.write_command(name, arguments, is_oob=is_oob)
        begin = time.monotonic()
        self.is_unanswered = True
        try:
            value: JsonValue = await self.connection.execute(
                name, arguments, is_oob=is_oob, timeout=self.settings.timeout
            )
        except CommandError as error:
            self.is_unanswered = False
            await self.events.take()
            if recording is not None:
                recording.write_error(error.error_class, error.desc)
            raise
        self.is_unanswered = False
        seconds = time.monotonic() - begin
        # Events that arrived before the reply are shown before it.
        await self.events.take()
        if recording is not None:
            recording.write_return(value)
        self._remember(value)
        return value, seconds

    def take(self, event: Event) -> None:
        """Make an awaited event the last reply, and move the mark behind it."""
        self.mark = event.number
        self._remember(event.data)

    def _remember(self, value: JsonValue) -> None:
        self.last, self.has_value = value, True

    # --- The connection and its events ----------------------------------------------------------

    async def connect(self) -> None:
        """Connect, for the first time or again, and show the server's name.

        Raises:
            OSError: As `ShellConnection.connect`.
            QMPError: As `ShellConnection.connect`.
        """
        self.begin_line()
        await self.events.end()
        await self.connection.connect(self._report_silence)
        self.mark = 0
        if self.settings.is_interactive:
            self.screen.note(self.welcome())
        if (
            self.settings.is_interactive
            or self.events.recording is not None
            or self.events.filter.is_on
        ):
            self.start_events()

    def _report_silence(self) -> None:
        address, seconds = visible(self.connection.address), f"{limits.SHELL_SILENCE:g} seconds"
        if self.connection.negotiate:
            self.screen.note(
                f"no greeting from {address} for {seconds}: a monitor serves one client at a time, "
                "and another client may be connected. Disconnect that client, or give QEMU a "
                "second monitor (-qmp). Still waiting; C-c gives up. If this is a guest agent, "
                "which doesn't greet, add --no-negotiate"
            )
        else:
            self.screen.note(
                f"no answer from a guest agent at {address} for {seconds}: it may not be running "
                "yet, its guest may be stopped, or another client may be connected to its port. "
                "Still waiting; C-c gives up"
            )

    def welcome(self) -> str:
        """Return the message for a new connection."""
        address = visible(self.connection.address)
        greeting = self.connection.connected().greeting
        if greeting is None:
            return f"connected to {address}; 'help' shows more, C-d exits"
        if greeting.version is None:
            return f"connected to a QMP server at {address}; 'help' shows more, C-d exits"
        qemu, package = greeting.version.qemu, visible(greeting.version.package)
        version = f"{qemu.major}.{qemu.minor}.{qemu.micro}"
        behind = f" ({package})" if package else ""
        return f"connected to QEMU {version}{behind}; 'help' shows more, C-d exits"

    def start_events(self) -> None:
        """Start to show and record events, unless that was done."""
        if self.connection.is_connected:
            self.events.begin(self.connection.connected())

    def record(self, recording: "Recording | None") -> None:
        """Record the conversation into a file from now on, or stop recording."""
        self.events.record(recording)
        if recording is not None:
            self.start_events()

    async def close(self) -> None:
        """End the session."""
        await self.events.end()
        self.events.record(None)
        await self.connection.close()
