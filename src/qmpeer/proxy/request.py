"""A client's command on its way through the proxy."""

from typing import Protocol

from qmpeer.messages import CommandMessage
from qmpeer.monitor import Reply
from qmpeer.proxy.multiplexer import Lane
from qmpeer.values import JsonObject, JsonValue


class Requester(Protocol):
    """The session of the client that sent a request."""

    @property
    def lane(self) -> "Lane[Request]":
        """Its commands that wait for the server."""

    def answer(
        self, request: "Request", value: JsonValue = None, error: JsonObject | None = None
    ) -> None:
        """Answer a request; an in-band one not before the earlier ones."""


class Request:
    """A command of a client, until it is answered and, if it was sent, done.

    Attributes:
        session: The session of the client that sent it.
        command: The command.
        began: The loop's time at which it came.
        deadline: The loop's time by which it must be answered; None for ever.
        is_sent: True once it was sent to the server.
        is_answered: True once its client has an answer or has left; a later one is dropped.
        reply: The answer, while it waits for those of earlier in-band requests.
    """

    __slots__ = ("began", "command", "deadline", "is_answered", "is_sent", "reply", "session")

    def __init__(
        self, session: Requester, command: CommandMessage, began: float, deadline: float | None
    ) -> None:
        self.session: Requester = session
        self.command: CommandMessage = command
        self.began: float = began
        self.deadline: float | None = deadline
        self.is_sent: bool = False
        self.is_answered: bool = False
        self.reply: Reply | None = None
