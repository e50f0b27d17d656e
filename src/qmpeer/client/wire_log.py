"""The conversation as log lines: "qmpeer.client" at DEBUG, one line a message.

``>`` marks sent messages, ``<`` received ones, ``=`` a change of the connection. Secrets are
blanked. Unused logging costs nothing: if the program hasn't imported `logging`, no handler can
exist, and messages are formatted only while the logger is enabled.
"""

import sys
from collections.abc import Iterable
from typing import Any

from qmpeer import messages
from qmpeer.messages import Event
from qmpeer.protocol import Happened, Sent, Unclaimed
from qmpeer.values import JsonObject

_DEBUG = 10


class WireLog:
    """One connection's log."""

    __slots__ = ("_logger", "_peer", "_scrubber")

    def __init__(self, logger: Any, peer: str) -> None:
        self._logger = logger  # a logging.Logger
        self._peer = peer
        self._scrubber = messages.Scrubber()  # imported on first use, which is here

    @classmethod
    def of(cls, peer: str) -> "WireLog | None":
        """Return a log if the logger is enabled now, else None."""
        logging = sys.modules.get("logging")
        if logging is None:
            return None
        logger = logging.getLogger("qmpeer.client")
        return cls(logger, peer) if logger.isEnabledFor(_DEBUG) else None

    def sent(self, sent: Sent[Any], arguments: JsonObject | None) -> None:
        """Log a command."""
        verb = "exec-oob" if sent.is_oob else "execute"
        shown: object = messages.REDACTED
        if sent.name not in messages.TYPING:
            shown = self._scrubber.arguments(sent.name, arguments) or ""
        self._logger.debug("%s: > %s %s %s id=%s", self._peer, verb, sent.name, shown, sent.id)

    def received(self, happened: Iterable[Happened[Any]]) -> None:
        """Log received messages."""
        for item in happened:
            if isinstance(item, Event):
                text = f"event {item.name} {messages.redact_urls(str(item.data or ''))}"
            elif isinstance(item, Unclaimed):
                text = f"error of no command {self._scrubber.text(str(item.error))}"
            elif item.error is not None:
                text = f"error {self._scrubber.text(str(item.error))}"
            else:
                text = f"return {messages.redact_urls(str(item.value))}"
            self._logger.debug("%s: < %s", self._peer, text)

    def ended(self, reason: str) -> None:
        """Log the end of the connection."""
        self._logger.debug("%s: = closed: %s", self._peer, reason)
