"""The connection of one terminal to a human monitor: a shell between a stream and a session."""

import logging
from collections.abc import Iterable
from typing import Any

from qmpeer.monitor.connection import AccessPoint, MonitorConnection
from qmpeer.monitor.human.context import HumanState
from qmpeer.monitor.human.session import HumanSession
from qmpeer.transport.aio import Stream

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class HumanConnection(MonitorConnection):
    """A terminal's connection: keys in and text out.

    Attributes:
        state: The state that the monitor keeps between commands.
        is_interactive: True: a person types at a terminal.
    """

    __slots__ = ("is_interactive", "state")

    def __init__(
        self, access: AccessPoint, stream: Stream, session: HumanSession, state: HumanState
    ) -> None:
        super().__init__(access, stream, session)
        self.state: HumanState = state
        self.is_interactive: bool = True

    def focus_gained(self) -> None:
        """Show the prompt: this monitor has the terminal's focus."""
        self._focus(True)

    def focus_lost(self) -> None:
        """End the line: another front end has the terminal's focus."""
        self._focus(False)

    def settle(self) -> None:
        """End a turn as a QMP connection does, and continue later if the turn was cut short.

        So a client that sends endless lines doesn't delay other clients.
        """
        super().settle()
        assert isinstance(self.session, HumanSession)
        if self.session.begin_turn():
            self._turns.later(self)

    def _focus(self, is_focused: bool) -> None:
        assert isinstance(self.session, HumanSession)
        self.session.focus(is_focused)
        self.flush()

    def _log_received(self, requests: Iterable[Any]) -> None:
        """Do nothing: a line is logged when it is executed, and keys aren't logged."""

    def _log_sent(self, data: bytes) -> None:
        log.debug("%s: > %d bytes", self.peer, len(data))
