"""Whose turn it is: the order of in-band commands over all connections of a server.

One command at a time, the connections in turn. A command that runs on while others go ahead (a
coroutine, a thread) keeps back its own connection only; an exclusive one holds everything in-band,
as QEMU's main loop is held. Out-of-band commands don't come here.

Spec: QEMU 7.2, measured: with both queues filled the order is a1 b1 a2 b2.
[In QEMU each command holds everything in-band.]
"""

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from qmpeer.messages import CommandMessage


class Queue(Protocol):
    """What commands are taken from: a session of QMP, or a human monitor's."""

    @property
    def running(self) -> CommandMessage | None:
        """The in-band command being executed."""

    @property
    def can_take(self) -> bool:
        """A request is queued, the last one is answered, and its answer would find room."""

    def take(self) -> CommandMessage | None:
        """Take the next request; None where the session answered it itself."""


ClientT = TypeVar("ClientT")


class Dispatcher(Generic[ClientT]):
    """The turns of sessions that have in-band commands to execute."""

    __slots__ = ("_holders", "_is_stopped", "_ready")

    def __init__(self) -> None:
        self._ready: OrderedDict[Queue, ClientT] = OrderedDict()
        self._holders: dict[int, CommandMessage] = {}  # by identity: their arguments have no hash
        self._is_stopped = False

    def enlist(self, session: Queue, client: ClientT) -> None:
        """Take note that a session may have a command to take; once is enough.

        One whose command runs on has its turn after the others: it is to be enlisted then.

        Args:
            session: The session.
            client: Whatever the caller wants to get back with its commands.
        """
        if session.running is None:
            self._ready.setdefault(session, client)

    @property
    def is_free(self) -> bool:
        """It is nobody's turn: who has a command now may take it without being enlisted."""
        return not (self._ready or self._holders or self._is_stopped)

    def next_command(self) -> tuple[ClientT, CommandMessage | None] | None:
        """Take the request whose turn it is.

        Returns:
            Its client and the command, or None in its place where the session answered by itself
            and has something to send; nothing at all while it is nobody's turn.
        """
        ready = self._ready
        while ready and not self._holders and not self._is_stopped:
            session, client = ready.popitem(last=False)
            if not session.can_take:
                continue
            command = session.take()
            if session.can_take:
                self.enlist(session, client)
            return client, command
        return None

    def hold(self, command: CommandMessage) -> None:
        """Let nothing in-band go ahead until this command is released."""
        self._holders[id(command)] = command

    def release(self, command: CommandMessage) -> bool:
        """Let others go ahead again, as far as this command goes; tell whether it held them."""
        return self._holders.pop(id(command), None) is not None

    def stop(self) -> None:
        """Hand out no further command."""
        self._is_stopped = True
