"""The order of in-band commands over all connections of a server.

One command starts at a time, and the connections take turns. A command that keeps running (in a
coroutine or a thread) holds up its own connection only. An exclusive one holds up every in-band
command, as QEMU's main loop does. Out-of-band commands aren't queued here.

Spec: QEMU 7.2, measured: with both queues filled the order is a1 b1 a2 b2.
[In QEMU every command is exclusive.]
"""

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

from qmpeer.messages import CommandMessage


class Queue(Protocol):
    """A source of commands: a QMP session, or a human monitor's session."""

    @property
    def running(self) -> CommandMessage | None:
        """The in-band command being executed."""

    @property
    def can_take(self) -> bool:
        """True if a request is queued, the last one answered, and there is room for output."""

    def take(self) -> CommandMessage | None:
        """Take the next request; return None if the session answered it itself."""


ClientT = TypeVar("ClientT")


class Dispatcher(Generic[ClientT]):
    """A round-robin queue of the sessions that have in-band commands to execute."""

    __slots__ = ("_holders", "_is_stopped", "_ready")

    def __init__(self) -> None:
        self._ready: OrderedDict[Queue, ClientT] = OrderedDict()
        self._holders: dict[int, CommandMessage] = {}  # by identity: their arguments have no hash
        self._is_stopped = False

    def enlist(self, session: Queue, client: ClientT) -> None:
        """Queue a session that may have a command to take. Repeated calls do no harm.

        A session whose command is still running isn't queued: enlist it when the command is done.

        Args:
            session: The session.
            client: A value of the caller's, returned with the session's commands.
        """
        if session.running is None:
            self._ready.setdefault(session, client)

    @property
    def is_free(self) -> bool:
        """True if no session is queued: a command may then be executed without enlisting."""
        return not (self._ready or self._holders or self._is_stopped)

    def next_command(self) -> tuple[ClientT, CommandMessage | None] | None:
        """Take the request whose turn it is.

        Returns:
            The session's client and the command. The command is None if the session answered the
            request itself and has output to send. None alone if no session has a turn.
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
        """Start no further in-band command until this one is released."""
        self._holders[id(command)] = command

    def release(self, command: CommandMessage) -> bool:
        """Undo `hold` for a command; return whether it was held."""
        return self._holders.pop(id(command), None) is not None

    def stop(self) -> None:
        """Hand out no further command."""
        self._is_stopped = True
