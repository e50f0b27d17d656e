"""The report of a replay: what was played, never asked, asked in vain, out of order."""

from collections.abc import Iterator, Sequence
from enum import Enum

import msgspec

from qmpeer import limits
from qmpeer.display.safe_text import visible
from qmpeer.messages import CommandMessage, redact_arguments
from qmpeer.replay.conversations import Conversation, Exchange
from qmpeer.replay.differences import Difference, Nearest, nearest
from qmpeer.replay.patterns import canonical
from qmpeer.replay.playback import Refusal
from qmpeer.values import JsonObject


class ReportedCommand(msgspec.Struct, frozen=True):
    """A command, without its secrets.

    Attributes:
        command: Its name.
        arguments: Its arguments.
        place: The file and the line of a recorded command; "" for one that came.
    """

    command: str
    arguments: JsonObject
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
        nearest: The nearest recorded command; for "out of order" the one that was expected. None if
            there is none.
        differences: The differences between the arguments of the two.
        from_server: True if a real server answered it.
    """

    asked: ReportedCommand
    reason: str
    conversation: int
    nearest: ReportedCommand | None = None
    differences: tuple[Difference, ...] = ()
    from_server: bool = False

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give the lines of its text: the command, the nearest one, the differences."""
        ending = "; a real server answered" if self.from_server else ""
        yield f"{self.reason}: {self.asked}{ending}"
        if self.nearest is not None:
            word = "expected" if self.reason == Refusal.OUT_OF_ORDER.value else "nearest"
            yield f"{word}: {self.nearest}"
            yield from map(visible, map(str, self.differences))


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


def reported(command: CommandMessage, place: object = "") -> ReportedCommand:
    """Return a command for a report."""
    arguments = redact_arguments(command.name, command.arguments) or {}
    return ReportedCommand(command.name, arguments, str(place))


def missed(
    command: CommandMessage,
    refusal: Refusal,
    conversation: Conversation,
    exchanges: Sequence[Exchange],
    expected: Exchange | None,
) -> Miss:
    """Return a command that wasn't answered as recorded, compared with the nearest recorded one.

    Args:
        command: The command that came.
        refusal: Why it wasn't answered.
        conversation: The client's conversation.
        exchanges: The commands of the conversation.
        expected: The command that the recorded order has next, or None.
    """
    near: Nearest | None
    if refusal is Refusal.OUT_OF_ORDER and expected is not None:
        near = Nearest(expected, ())
    else:
        near = nearest(command, exchanges) if refusal is Refusal.UNRECORDED else None
    shown = None if near is None else reported(near.exchange.command, near.exchange.place)
    differences = () if near is None else near.differences
    return Miss(reported(command), refusal.value, conversation.number, shown, differences)


class _Kind(Enum):
    """The lists of the report that a command may be in."""

    IN_VAIN = "in vain"
    OUT_OF_ORDER = "out of order"
    FROM_SERVER = "from the server"


def _kind_of(miss: Miss) -> _Kind:
    if miss.from_server:
        return _Kind.FROM_SERVER
    is_out_of_order = miss.reason == Refusal.OUT_OF_ORDER.value
    return _Kind.OUT_OF_ORDER if is_out_of_order else _Kind.IN_VAIN


class Tally:
    """The counts of a replay, as it goes on.

    Args:
        conversations: The conversations that may be played.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._conversations = conversations
        self._played: dict[int, set[int]] = {each.number: set() for each in conversations}
        self._misses: dict[_Kind, list[Miss]] = {kind: [] for kind in _Kind}
        self._counts = dict.fromkeys(_Kind, 0)
        self.clients: int = 0

    def played(self, conversation: Conversation) -> set[int]:
        """Return the indices of the played exchanges of a conversation; add to them."""
        return self._played[conversation.number]

    def add(self, miss: Miss) -> None:
        """Count a command that wasn't answered as recorded."""
        kind = _kind_of(miss)
        self._counts[kind] += 1
        if len(self._misses[kind]) < limits.REPLAY_REPORTED:
            self._misses[kind].append(miss)

    def report(self) -> Report:
        """Return the report."""
        left = [
            exchange
            for each in self._conversations
            for at, exchange in enumerate(each.exchanges)
            if at not in self._played[each.number]
        ]
        shown = [reported(each.command, each.place) for each in left[: limits.REPLAY_REPORTED]]
        return Report(
            self.clients,
            sum(map(len, self._played.values())),
            tuple(shown),
            tuple(self._misses[_Kind.IN_VAIN]),
            tuple(self._misses[_Kind.OUT_OF_ORDER]),
            len(left),
            self._counts[_Kind.IN_VAIN],
            self._counts[_Kind.OUT_OF_ORDER],
            tuple(self._misses[_Kind.FROM_SERVER]),
            self._counts[_Kind.FROM_SERVER],
            tuple(str(place) for each in self._conversations for place in each.strays),
        )
