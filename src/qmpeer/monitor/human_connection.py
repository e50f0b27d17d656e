"""One terminal at a human monitor: the thin shell between a byte stream and its session."""

import logging
from collections.abc import Iterable
from typing import Any

from qmpeer.monitor.connection import Connection, Place
from qmpeer.monitor.human.context import HumanState
from qmpeer.monitor.human.session import HumanSession
from qmpeer.transport.aio import Stream

log: logging.Logger = logging.getLogger("qmpeer.monitor")


class HumanConnection(Connection):
    """The keys and the text between a stream and a human monitor's session.

    Attributes:
        state: What the monitor remembers.
        is_interactive: Somebody sits at a terminal.
    """

    __slots__ = ("is_interactive", "state")

    def __init__(
        self, place: Place, stream: Stream, session: HumanSession, state: HumanState
    ) -> None:
        super().__init__(place, stream, session)
        self.state: HumanState = state
        self.is_interactive: bool = True

    def focus_gained(self) -> None:
        """Take note that the terminal is ours again: show the prompt."""
        self._focus(True)

    def focus_lost(self) -> None:
        """Take note that the terminal is another's now: end the line."""
        self._focus(False)

    def settle(self) -> None:
        """After a round of work, do as QMP's does; and go on later if a turn was too short.

        Whoever sends lines without end keeps nobody else waiting.
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
        """Do nothing: lines are logged when they are executed, keys aren't."""

    def _log_sent(self, data: bytes) -> None:
        log.debug("%s: > %d bytes", self.peer, len(data))
