"""A client's command on its way through the proxy."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from qmpeer.messages import CommandMessage
from qmpeer.monitor import Reply
from qmpeer.proxy.multiplexer import Lane
from qmpeer.transport.descriptors import close_all
from qmpeer.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from qmpeer.policy import Rights
    from qmpeer.policy.rules import MemberPath


class Holder(Protocol):
    """The owner of descriptors that were passed to the server."""

    @property
    def has_left(self) -> bool:
        """True if nothing belongs to it any more: its client has gone, or it never had one."""


class Requester(Holder, Protocol):
    """The origin of requests: the session of a client, or the proxy itself."""

    @property
    def number(self) -> int:
        """Its client's number, counted from 1; 0 of the proxy itself."""

    @property
    def lane(self) -> "Lane[Request]":
        """Its commands that wait for the server."""

    @property
    def rights(self) -> "Rights | None":
        """What it may do; None if it may do everything."""

    @property
    def requests(self) -> "list[Request]":
        """The requests that aren't answered."""

    def open(self, request: "Request") -> None:
        """Add a request, which will be answered."""

    def answer(
        self, request: "Request", value: JsonValue = None, error: JsonObject | None = None
    ) -> None:
        """Answer a request; an in-band one not before the earlier ones."""


class Request:
    """A command of a client, until it is answered and, if it was sent, done.

    Attributes:
        requester: Its origin.
        command: The command, as it came.
        arguments: Its arguments, as they are sent.
        began: The loop's time at which it came.
        fds: The descriptors that came with it, which belong to the request until they are sent.
        refusal: Why its server has gone, if it came before that; then it isn't executed.
        judged_by: The rights by which it was judged last; None if nobody had to.
        rule: The name of the rule that allows it.
        blank: The members of its reply that are blanked.
        record: The number of its record.
        nodes_as_of: How many commands had been sent when the block nodes were asked for by which it
            was judged; None if it doesn't depend on them.
        reply_fds: Those that came with the server's answer, until it is passed on.
        on_outcome: Called with the server's answer, also if its client has gone: the value, and
            True unless it is an error.
        is_sent: True once it was sent to the server.
        is_answered: True once its client has an answer or has left; a later one is dropped.
        reply: The answer, while it waits for those of earlier in-band requests; or a function that
            gives it then.
    """

    __slots__ = (
        "arguments",
        "began",
        "blank",
        "command",
        "fds",
        "is_answered",
        "is_sent",
        "judged_by",
        "nodes_as_of",
        "on_outcome",
        "record",
        "refusal",
        "reply",
        "reply_fds",
        "requester",
        "rule",
    )

    def __init__(
        self,
        requester: Requester,
        command: CommandMessage,
        began: float,
        fds: Sequence[int] = (),
        refusal: str | None = None,
    ) -> None:
        self.requester: Requester = requester
        self.command: CommandMessage = command
        self.arguments: JsonObject | None = command.arguments
        self.began: float = began
        self.fds: Sequence[int] = fds
        self.refusal: str | None = refusal
        self.judged_by: Rights | None = None
        self.rule: str | None = None
        self.blank: tuple[MemberPath, ...] = ()
        self.record: int | None = None
        self.nodes_as_of: int | None = None
        self.reply_fds: Sequence[int] = ()
        self.is_sent: bool = False
        self.is_answered: bool = False
        self.on_outcome: Callable[[JsonValue, bool], None] | None = None
        self.reply: Reply | Callable[[], Reply] | None = None

    @property
    def is_outdated(self) -> bool:
        """True if another policy holds than that by which it was judged."""
        return self.judged_by is not self.requester.rights

    def close_fds(self) -> None:
        """Close the descriptors that came with it: they were sent, or never will be."""
        fds, self.fds = self.fds, ()
        close_all(fds)

    def take_reply_fds(self) -> tuple[int, ...]:
        """Return the descriptors that came with the answer, and pass on their ownership."""
        fds, self.reply_fds = self.reply_fds, ()
        return tuple(fds)

    def drop(self) -> None:
        """Note that nobody waits for the answer."""
        self.is_answered = True
        self.close_fds()
        close_all(self.take_reply_fds())
        if isinstance(self.reply, Reply):
            close_all(self.reply.fds)


class Executor(Protocol):
    """The executor of everybody's commands."""

    def execute(
        self,
        requester: Requester,
        command: CommandMessage,
        fds: Sequence[int] = (),
        refusal: str | None = None,
    ) -> None:
        """Execute a command, and `Requester.answer` it, now or later.

        Args:
            requester: Its origin.
            command: The command.
            fds: The descriptors that came with it; they belong to the executor from then on.
            refusal: Why its server has gone, if it came before that. Then it isn't executed.
        """
