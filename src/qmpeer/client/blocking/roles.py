"""The roles of threads that share a connection, and the waits that they belong to."""

from collections.abc import Callable
from threading import get_ident
from typing import Final, TypeAlias

from qmpeer.values import JsonValue


class Role:
    """The role of a thread that reads or sends without waiting for anything in particular.

    Attributes:
        thread: The thread's id.
        is_done: True once the thread's wait is over.
        sends: True if the thread sends queued commands while it waits.
    """

    __slots__ = ("thread",)
    is_done: Final = False
    sends: Final = False

    def __init__(self) -> None:
        self.thread: int = get_ident()


class PendingCommand:
    """A command that a thread waits for, with its outcome; also the thread's role."""

    __slots__ = ("error", "is_done", "thread", "value")
    sends: Final = True

    def __init__(self) -> None:
        self.is_done: bool = False
        self.value: JsonValue = None
        self.error: Exception | None = None
        self.thread: int = get_ident()


class WaitCondition:
    """Any other condition that a thread waits for; also the thread's role."""

    __slots__ = ("_is_met", "thread")
    sends: Final = False

    def __init__(self, is_met: Callable[[], bool]) -> None:
        self._is_met = is_met
        self.thread: int = get_ident()

    @property
    def is_done(self) -> bool:
        """True if the condition is met."""
        return self._is_met()


AnyRole: TypeAlias = Role | PendingCommand | WaitCondition
