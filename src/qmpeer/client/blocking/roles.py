"""What a thread does on a connection that it shares, and what it waits for."""

from collections.abc import Callable
from threading import get_ident
from typing import Final, TypeAlias

from qmpeer.values import JsonValue


class Role:
    """What a thread does here, reading or sending, if it waits for nothing in particular.

    Attributes:
        thread: Which thread.
        is_done: What it waits for has come about.
        sends: It sends what the session has to send while it waits.
    """

    __slots__ = ("thread",)
    is_done: Final = False
    sends: Final = False

    def __init__(self) -> None:
        self.thread: int = get_ident()


class Call:
    """A command that a thread waits for: its role, and the outcome."""

    __slots__ = ("error", "is_done", "thread", "value")
    sends: Final = True

    def __init__(self) -> None:
        self.is_done: bool = False
        self.value: JsonValue = None
        self.error: Exception | None = None
        self.thread: int = get_ident()


class Condition:
    """Anything else that a thread waits for, and its role meanwhile."""

    __slots__ = ("_is_met", "thread")
    sends: Final = False

    def __init__(self, is_met: Callable[[], bool]) -> None:
        self._is_met = is_met
        self.thread: int = get_ident()

    @property
    def is_done(self) -> bool:
        """It has come about."""
        return self._is_met()


AnyRole: TypeAlias = Role | Call | Condition
