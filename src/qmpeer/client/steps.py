"""A course of several commands and events, decided without I/O: a generator of steps.

It yields what is to be done next and is sent the outcome, or thrown the exception. Either client
walks it (`walk`, `aio_walk`), so that what happens is decided once for both. What is thrown into it
may be anything, KeyboardInterrupt and cancellation too: it may tidy up in further steps then.
"""

from collections.abc import Callable, Generator
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from qmpeer import limits
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.bindings import Command

__all__ = [
    "Connect",
    "Countdown",
    "Course",
    "Execute",
    "NextEvent",
    "Pause",
    "Report",
    "Send",
    "Step",
    "Synchronize",
    "first_that_exists",
    "named",
]

R = TypeVar("R")


class Execute(NamedTuple):
    """Execute a command; the outcome is its value."""

    command: str
    arguments: JsonObject | None
    timeout: float | None


class NextEvent(NamedTuple):
    """Wait for an event of the course's subscription; the outcome is None if none came in time."""

    timeout: float | None


class Report(NamedTuple):
    """Tell the caller how it stands."""

    value: Any


class Pause(NamedTuple):
    """Do nothing for some time; watchful, it ends with the connection."""

    seconds: float
    is_watchful: bool = True


class Connect(NamedTuple):
    """See to it that there is a connection."""

    timeout: float | None


class Synchronize(NamedTuple):
    """Synchronize with a guest agent, by one of its two commands for that."""

    command: str
    value: int
    timeout: float | None


class Send(NamedTuple):
    """Execute a guest agent's command whose success isn't answered."""

    command: str
    arguments: JsonObject | None
    timeout: float | None


Step: TypeAlias = Execute | NextEvent | Report | Pause | Connect | Synchronize | Send
Course: TypeAlias = Generator[Step, Any, R]


class Countdown:
    """Count down from a number of seconds, or from none.

    Args:
        timeout: Seconds; None is for ever.
        clock: Tells the time in seconds.

    Example:
        >>> time = 0.0
        >>> countdown = Countdown(10.0, lambda: time)
        >>> time = 4.0
        >>> countdown.remaining(), countdown.remaining(2.0), countdown.is_over
        (6.0, 2.0, False)
    """

    __slots__ = ("_clock", "_end", "timeout")

    def __init__(self, timeout: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._end = None if timeout is None else clock() + timeout
        self.timeout: float | None = timeout

    def remaining(self, at_most: float | None = None) -> float | None:
        """Return the seconds left, no more than so many and no fewer than 0; None for ever."""
        if self._end is None:
            return at_most
        left = max(0.0, self._end - self._clock())
        return left if at_most is None else min(left, at_most)

    @property
    def is_over(self) -> bool:
        """The time has run out, or will before a timer can tell."""
        return self._end is not None and self._clock() >= self._end - limits.TIMER_EARLINESS


def first_that_exists(
    timeout: float | None, *commands: tuple[str, JsonObject | None]
) -> Course[Any]:
    """Execute the first of some commands that the server has.

    Raises:
        CommandError: CommandNotFound, if it has none of them; else as the command has it.
    """
    for command, arguments in commands[:-1]:
        try:
            return (yield Execute(command, arguments, timeout))
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
    return (yield Execute(*commands[-1], timeout))


def named(
    command: "str | Command[Any]", arguments: JsonObject | None
) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a command, be it a binding's or not."""
    if isinstance(command, str):
        return command, dict(arguments or {})
    return command.name, dict(command.arguments or {})
