"""The report of a replay: what was played, never asked, asked in vain, out of order."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.display.safe_text import visible
from qmpeer.replay.differences import Difference
from qmpeer.replay.patterns import canonical
from qmpeer.values import JsonObject, JsonValue


class Refusal(Enum):
    """The reasons for which a command isn't answered from the recording."""

    UNRECORDED = "not recorded"
    EXHAUSTED = "asked more often than recorded"
    OUT_OF_ORDER = "out of order"


_WORDS: Final = {
    Refusal.OUT_OF_ORDER.value: "expected",
    Refusal.EXHAUSTED.value: "recorded",
}
"""The words before the nearest recorded command, by the reason."""


class ReportedCommand(msgspec.Struct, frozen=True):
    """A command, without its secrets.

    Attributes:
        command: Its name.
        arguments: Its arguments. Of long ones, only the beginning of their text is kept, under the
            name "…".
        place: The file and the line of a recorded command; "" for one that came.
    """

    command: str
    arguments: dict[str, JsonValue]
    place: str = ""

    def __str__(self) -> str:
        text = canonical(self.arguments).decode(errors="replace") if self.arguments else ""
        most = limits.REPLAY_SHOWN
        text = text if len(text) <= most else f"{text[:most]}…"
        shown = f"{self.command} {text}" if text else self.command
        return visible(f"{shown} ({self.place})" if self.place else shown)


class Miss(msgspec.Struct, frozen=True):
    """A command that wasn't answered as recorded.

    Attributes:
        asked: The command that came.
        reason: Why: "not recorded", "asked more often than recorded" or "out of order".
        conversation: The number of the client's conversation.
        nearest: The nearest recorded command: for "out of order" the one that was expected, for
            "asked more often than recorded" the same one. None if there is none.
        differences: The differences between the arguments of the two.
        from_server: True if a real server answered it.
        note: A sentence about it, such as that the recorded server has no such command; or "".
    """

    asked: ReportedCommand
    reason: str
    conversation: int
    nearest: ReportedCommand | None = None
    differences: tuple[Difference, ...] = ()
    from_server: bool = False
    note: str = ""

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give the lines of its text: the command, the nearest one, the differences."""
        ending = "; a real server answered" if self.from_server else ""
        yield f"{self.reason}: {self.asked}{ending}"
        if self.nearest is not None:
            yield f"{_WORDS.get(self.reason, 'nearest')}: {self.nearest}"
            yield from map(visible, map(str, self.differences))
        if self.note:
            yield self.note


class Report(msgspec.Struct, frozen=True):
    """The outcome of a replay.

    A number counts all, also where a list holds only the first ones.

    Attributes:
        clients: The clients that asked something.
        played: The recorded commands that were played, each counted once.
        never_asked: The recorded commands that no client asked.
        asked_in_vain: The commands that weren't recorded, or were asked more often than recorded.
        out_of_order: The commands that came out of the recorded order.
        never_asked_count: The number of commands never asked.
        asked_in_vain_count: The number of commands asked in vain.
        out_of_order_count: The number of commands that came out of order.
        from_server: The commands that weren't recorded, and that a real server answered.
        from_server_count: The number of these.
        strays: The places of recorded replies that belong to no command, and can't be played.
    """

    clients: int
    played: int
    never_asked: tuple[ReportedCommand, ...] = ()
    asked_in_vain: tuple[Miss, ...] = ()
    out_of_order: tuple[Miss, ...] = ()
    never_asked_count: int = 0
    asked_in_vain_count: int = 0
    out_of_order_count: int = 0
    from_server: tuple[Miss, ...] = ()
    from_server_count: int = 0
    strays: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """True if everything was played, and nothing was asked in vain."""
        return not (self.never_asked_count or self.asked_in_vain_count or self.out_of_order_count)

    def to_json(self) -> JsonObject:
        """Return the report as a JSON value."""
        value: JsonObject = msgspec.json.decode(msgspec.json.encode(self))
        value["is_complete"] = self.is_complete
        return value

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give the lines of the report as text."""
        yield f"played: {self.played}, for {self.clients} client{'s' * (self.clients != 1)}"
        yield f"never asked: {self.never_asked_count}"
        yield from _items(self.never_asked, self.never_asked_count)
        yield f"asked in vain: {self.asked_in_vain_count}"
        yield from _misses(self.asked_in_vain, self.asked_in_vain_count)
        if self.out_of_order_count:
            yield f"out of order: {self.out_of_order_count}"
            yield from _misses(self.out_of_order, self.out_of_order_count)
        if self.from_server_count:
            yield f"answered by the server: {self.from_server_count}"
            yield from _misses(self.from_server, self.from_server_count)
        if self.strays:
            yield f"recorded replies to no command: {', '.join(self.strays)}"


def _items(items: Sequence[object], count: int) -> Iterator[str]:
    for each in items:
        yield f"  {each}"
    if count > len(items):
        yield f"  … and {count - len(items)} more"


def _misses(misses: Sequence[Miss], count: int) -> Iterator[str]:
    for miss in misses:
        first, *below = miss.lines()
        yield f"  {first}"
        for line in below:
            yield f"    {line}"
    if count > len(misses):
        yield f"  … and {count - len(misses)} more"
