"""The commands that a scripted server was asked."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import msgspec

from qmpeer.messages import redact_arguments
from qmpeer.replay.differences import shortened
from qmpeer.replay.report import ReportedCommand
from qmpeer.values import UNSET, JsonObject, JsonValue


class Call(msgspec.Struct, frozen=True):
    """One command that came.

    Attributes:
        name: The command's name.
        arguments: Its arguments; {} if it had none.
        id: Its id, any JSON value; UNSET if it had none.
        is_oob: True for exec-oob.
        fds: The descriptors that came with it. They belong to the server, which closes them when it
            stops, and the oldest beyond `limits.SCRIPT_FDS`: duplicate one to keep it.
        data: The request's bytes as they came, from its first brace to its last.
        time: Seconds since the server started.
        client: The number of its client, from 1.
    """

    name: str
    arguments: dict[str, JsonValue]
    id: Any = UNSET
    is_oob: bool = False
    fds: tuple[int, ...] = ()
    data: bytes = b""
    time: float = 0.0
    client: int = 1

    @property
    def reported(self) -> ReportedCommand:
        """The command for a report: without secrets, and shortened."""
        return reported(self.name, self.arguments)

    def __str__(self) -> str:
        return str(self.reported)


class Calls(Sequence[Call]):
    """The calls so far, oldest first; more than `limits.SCRIPT_CALLS` lose the oldest.

    Example:
        >>> calls = Calls([Call("stop", {}), Call("cont", {})])
        >>> calls.names, calls.only("stop").arguments
        (['stop', 'cont'], {})
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = tuple(calls)

    @overload
    def __getitem__(self, at: int) -> Call: ...
    @overload
    def __getitem__(self, at: slice) -> "Calls": ...
    def __getitem__(self, at: int | slice) -> "Call | Calls":
        return Calls(self._calls[at]) if isinstance(at, slice) else self._calls[at]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __repr__(self) -> str:
        return f"Calls([{', '.join(map(str, self._calls))}])"

    @property
    def names(self) -> list[str]:
        """The names of the commands, in order."""
        return [each.name for each in self._calls]

    def of(self, name: str) -> "Calls":
        """Return the calls of one command."""
        return Calls([each for each in self._calls if each.name == name])

    def only(self, name: str) -> Call:
        """Return the only call of a command.

        Raises:
            AssertionError: If there was none, or more than one.
        """
        found = self.of(name)
        if len(found) != 1:
            raise AssertionError(f"found {len(found)} calls of {name}, expected 1: {self!r}")
        return found[0]


def reported(name: str, arguments: JsonObject, place: str = "") -> ReportedCommand:
    """Return a command for a report: without secrets, and shortened."""
    shown = shortened(redact_arguments(name, arguments) or {})
    return ReportedCommand(name, shown if isinstance(shown, dict) else {"…": shown}, place)
