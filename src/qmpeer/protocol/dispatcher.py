"""Whose turn it is: the order of in-band commands over all connections of a server.

One command at a time, the connections in turn. A command that runs on while others go ahead (a
coroutine, a thread) keeps back its own connection only; an exclusive one holds everything in-band,
as QEMU's main loop is held. Out-of-band commands don't come here.

Spec: QEMU 7.2, measured: with both queues filled the order is a1 b1 a2 b2.
[In QEMU each command holds everything in-band.]
"""

from collections import deque
from typing import Any, Protocol

from qmpeer.messages import Command

__all__ = ["Dispatcher", "Queued"]


class Queued(Protocol):
    """What commands are taken from: a session of QMP, or a human monitor's.

    Attributes:
        owner: Whatever the caller wants to find again from a session.
        running: The in-band command being executed.
        is_enlisted: It is the dispatcher's, to know whom it has.
    """

    owner: Any
    running: Command | None
    is_enlisted: bool

    @property
    def can_take(self) -> bool:
        """A request is queued, the last one is answered, and its answer would find room."""

    def take(self) -> Command | None:
        """Take the next request; None where the session answered it itself."""


class Dispatcher:
    """Hand out in-band commands in turn."""

    __slots__ = ("_holders", "_is_stopped", "_ready")

    def __init__(self) -> None:
        self._ready: deque[Queued] = deque()
        self._holders: dict[int, Command] = {}  # by identity: their arguments have no hash
        self._is_stopped = False

    def enlist(self, session: Queued) -> None:
        """Take note that a session may have a command to take; once is enough.

        One whose command runs on has its turn after the others: it is to be enlisted then.
        """
        if not session.is_enlisted and session.running is None:
            session.is_enlisted = True
            self._ready.append(session)

    def next_command(self) -> tuple[Queued, Command | None] | None:
        """Take the request whose turn it is.

        Returns:
            Its session and the command, or None in its place where the session answered by itself
            and has something to send; nothing at all while it is nobody's turn.
        """
        ready = self._ready
        while ready and not self._holders and not self._is_stopped:
            session = ready.popleft()
            session.is_enlisted = False
            if not session.can_take:
                continue
            command = session.take()
            if session.can_take:
                self.enlist(session)
            return session, command
        return None

    def hold(self, command: Command) -> None:
        """Let nothing in-band go ahead until this command is released."""
        self._holders[id(command)] = command

    def release(self, command: Command) -> bool:
        """Let others go ahead again, as far as this command goes; tell whether it held them."""
        return self._holders.pop(id(command), None) is not None

    def stop(self) -> None:
        """Hand out no further command."""
        self._is_stopped = True
