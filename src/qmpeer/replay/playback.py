"""The playback of one conversation to one client: which exchange answers a command."""

from enum import Enum

from qmpeer.messages import CommandMessage
from qmpeer.replay.lookup import Lookup, Question


class Order(Enum):
    """The order in which a client may ask; the value is the option's word."""

    ANY = "any"
    RECORDED = "recorded"


class Refusal(Enum):
    """The reasons for which a command isn't answered from the recording."""

    UNRECORDED = "not recorded"
    EXHAUSTED = "asked more often than recorded"
    OUT_OF_ORDER = "out of order"


class Playback:
    """One client's way through a conversation.

    In any order, the same question gets its recorded answers in turn, and then the last one again,
    or, if the playback is strict, none. In the recorded order, only the next recorded command is
    answered; any other is refused, and the next one stays the same.

    Args:
        lookup: The conversation's commands.
        order: The order that the client has to keep.
        is_strict: Refuse questions that are asked more often than recorded.

    Attributes:
        played: The indices of the exchanges that were played.
        position: The index of the next exchange in the recorded order.
    """

    __slots__ = ("_in_order", "_is_strict", "_lookup", "_turns", "played", "position")

    def __init__(self, lookup: Lookup, order: Order, *, is_strict: bool) -> None:
        self._lookup = lookup
        self._in_order = order is Order.RECORDED
        self._is_strict = is_strict
        self._turns: dict[Question, int] = {}
        self.played: set[int] = set()
        self.position: int = 0

    def answer(self, command: CommandMessage) -> int | Refusal:
        """Return the index of the exchange that answers a command, or why none does."""
        if self._in_order:
            return self._next(command)
        question = self._lookup.find(command)
        if question is None:
            return Refusal.UNRECORDED
        turn = self._turns.get(question, 0)
        if turn < len(question.turns):
            self._turns[question] = turn + 1
        elif self._is_strict:
            return Refusal.EXHAUSTED
        else:
            turn = len(question.turns) - 1
        index = question.turns[turn]
        self.played.add(index)
        return index

    def _next(self, command: CommandMessage) -> int | Refusal:
        at = self.position
        if at < len(self._lookup.exchanges) and self._lookup.is_at(command, at):
            self.position += 1
            self.played.add(at)
            return at
        question = self._lookup.find(command)
        if question is None:
            return Refusal.UNRECORDED
        return Refusal.OUT_OF_ORDER if question.turns[-1] >= at else Refusal.EXHAUSTED
