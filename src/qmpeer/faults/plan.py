"""A plan of faults: built in Python, or read from texts and files."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Unpack

from qmpeer import limits
from qmpeer.errors import FaultError
from qmpeer.faults.fault import Fault, make_fault
from qmpeer.faults.fault_text import parse_fault, parse_faults
from qmpeer.faults.places import (
    Anywhere,
    AroundMessage,
    AtAnswer,
    AtMessage,
    AtReply,
    BesideMessage,
    Chance,
    InMessage,
)
from qmpeer.values import JsonObject


class Faults:
    """A plan of faults, in the order in which they are applied.

    Each method adds one fault and returns the plan. The keywords of a place are those of the text,
    with underscores: ``after_reply="stop"`` is ``after-reply=stop``. A fault that can't be raises
    `FaultError`. A connection takes the plan as it is when the connection begins.

    Args:
        faults: The first faults, as values or texts.

    Example:
        >>> plan = Faults().cut(after="migrate", byte=3).delay(reply="query-status", seconds=0.5)
        >>> print(plan)
        cut after=migrate byte=3
        delay reply=query-status seconds=0.5
        >>> list(Faults(["drop event=STOP"]))[0].get("event")
        'STOP'
    """

    def __init__(self, faults: "Iterable[Fault | str]" = ()) -> None:
        self._faults: list[Fault] = []
        for fault in faults:
            self.add(fault)

    @classmethod
    def read(cls, path: "str | Path") -> "Faults":
        """Read a plan from a file: one fault a line, empty lines and remarks between them.

        Raises:
            OSError: If the file can't be read.
            FaultError: If a fault can't be; its ``place`` is the file and the line.
        """
        with open(path, "rb") as file:
            data = file.read(limits.FAULT_FILE + 1)
        if len(data) > limits.FAULT_FILE:
            found = f"found more than {limits.FAULT_FILE} bytes, expected a file of faults"
            raise FaultError(found, "", str(path))
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            found = f"found byte {data[error.start]:#04x}, expected UTF-8"
            raise FaultError(found, "", f"{path}:{line}") from None
        return cls(parse_faults(text, str(path)))

    def add(self, fault: "Fault | str") -> "Faults":
        """Add a fault, given as a value or as a text.

        Raises:
            FaultError: If it can't be, or the plan has `limits.FAULTS` faults.
        """
        if len(self._faults) >= limits.FAULTS:
            raise FaultError(f"found more than {limits.FAULTS} faults")
        self._faults.append(parse_fault(fault) if isinstance(fault, str) else fault)
        return self

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def __str__(self) -> str:
        return "\n".join(map(str, self._faults))

    def __repr__(self) -> str:
        return f"Faults({[str(fault) for fault in self._faults]!r})"

    def command_line(self, seed: int = 0) -> str:
        """Return the options that give a command of ours this plan.

        Example:
            >>> Faults().cut(after="stop").drop(event="STOP").command_line(7)
            "--fault 'cut after=stop' --fault 'drop event=STOP' --seed 7"
        """
        words = [word for fault in self._faults for word in ("--fault", str(fault))]
        return shlex.join([*words, "--seed", str(seed)])

    @property
    def late(self) -> float:
        """The seconds by which the server begins to listen later."""
        return sum(fault.number("seconds") for fault in self._faults if fault.word == "late")

    def _make(self, word: str, place: Mapping[str, object], **own: object) -> "Faults":
        settings = {name.replace("_", "-"): value for name, value in place.items()}
        settings |= {name: value for name, value in own.items() if value is not None}
        return self.add(make_fault(word, settings))

    # Time

    def delay(
        self, seconds: float, jitter: float | None = None, **place: Unpack[Anywhere]
    ) -> "Faults":
        """Delay bytes, in order: a message and everything behind it, or all bytes."""
        return self._make("delay", place, seconds=seconds, jitter=jitter)

    def drip(self, speed: int, **place: Unpack[Anywhere]) -> "Faults":
        """Send slowly, so many bytes a second."""
        return self._make("drip", place, speed=speed)

    def slices(self, size: int, pause: float | None = None, **place: Unpack[Anywhere]) -> "Faults":
        """Send in pieces of so many bytes."""
        return self._make("slices", place, size=size, pause=pause)

    def coalesce(self, seconds: float | None = None, **place: Unpack[AroundMessage]) -> "Faults":
        """Send all that comes within a time as one packet."""
        return self._make("coalesce", place, seconds=seconds)

    def stall(self, seconds: float | None = None, **place: Unpack[Anywhere]) -> "Faults":
        """Stop reading (``sender="client"``) or writing, for a time or for ever."""
        return self._make("stall", place, seconds=seconds)

    # The connection

    def cut(
        self,
        how: Literal["close", "reset", "half-close"] | None = None,
        **place: Unpack[Anywhere],
    ) -> "Faults":
        """End the connection, or the sender's half of it."""
        return self._make("cut", place, how=how)

    def refuse(self, **place: Unpack[Chance]) -> "Faults":
        """End a connection before the greeting; ``times=2`` refuses the first two."""
        return self._make("refuse", place)

    def listen_late(self, seconds: float) -> "Faults":
        """Begin to listen later. The text's word is ``late``."""
        return self._make("late", {}, seconds=seconds)

    # Messages

    def drop(self, **place: Unpack[AtMessage]) -> "Faults":
        """Lose a message."""
        return self._make("drop", place)

    def duplicate(self, copies: int | None = None, **place: Unpack[AtMessage]) -> "Faults":
        """Repeat a message."""
        return self._make("duplicate", place, copies=copies)

    def reorder(self, seconds: float | None = None, **place: Unpack[AtMessage]) -> "Faults":
        """Let the next message overtake this one, if it comes within a time."""
        return self._make("reorder", place, seconds=seconds)

    def truncate(self, **place: Unpack[InMessage]) -> "Faults":
        """Leave out the end of a message; by default half of it. The line ends."""
        return self._make("truncate", place)

    def invalid_utf8(self, **place: Unpack[InMessage]) -> "Faults":
        """Put bytes into a message that aren't UTF-8."""
        return self._make("invalid-utf8", place)

    def garbage(self, size: int | None = None, **place: Unpack[Anywhere]) -> "Faults":
        """Send bytes that aren't JSON, before a message or at a byte."""
        return self._make("garbage", place, size=size)

    def flood(self, size: int | None = None, **place: Unpack[Anywhere]) -> "Faults":
        """Send a text that doesn't end, before a message or at a byte."""
        return self._make("flood", place, size=size)

    def inject(
        self,
        name: str,
        data: JsonObject | None = None,
        count: int | None = None,
        **place: Unpack[BesideMessage],
    ) -> "Faults":
        """Send an event that the server didn't, before a message or at a moment."""
        return self._make("inject", place, name=name, data=data, count=count)

    # Replies

    def error(
        self,
        error_class: str | None = None,
        desc: str | None = None,
        **place: Unpack[AtAnswer],
    ) -> "Faults":
        """Answer with an error; with ``command=`` the server doesn't get the command."""
        own = {"class": error_class, "desc": desc}
        return self._make("error", place, **own)

    def enlarge(self, size: int, **place: Unpack[AtReply]) -> "Faults":
        """Fill a reply up with blanks to a size in bytes."""
        return self._make("enlarge", place, size=size)

    def unknown_id(self, **place: Unpack[AtReply]) -> "Faults":
        """Give a reply an id that no command has."""
        return self._make("unknown-id", place)

    def swap_ids(self, **place: Unpack[AtReply]) -> "Faults":
        """Exchange a reply's id with that of another command in flight, if there is one."""
        return self._make("swap-ids", place)

    def no_id(self, **place: Unpack[AtReply]) -> "Faults":
        """Leave out a reply's id."""
        return self._make("no-id", place)

    # The server's process

    def sigstop(self, seconds: float | None = None, **place: Unpack[Anywhere]) -> "Faults":
        """Stop the server's process, for a time or for ever."""
        return self._make("sigstop", place, seconds=seconds)

    def sigkill(self, **place: Unpack[Anywhere]) -> "Faults":
        """Kill the server's process."""
        return self._make("sigkill", place)

    def exit(
        self, status: int | None = None, text: str | None = None, **place: Unpack[Anywhere]
    ) -> "Faults":
        """Let the server's process exit with a status and last words on standard error."""
        return self._make("exit", place, status=status, text=text)
