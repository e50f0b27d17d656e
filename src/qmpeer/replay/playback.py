"""The playback of one conversation to one client: which exchange answers a command."""

from collections import deque
from enum import Enum

from qmpeer.messages import CommandMessage
from qmpeer.replay.lookup import Lookup, Question
from qmpeer.replay.report import Refusal


class Order(Enum):
    """The order in which a client may ask; the value is the option's word."""

    ANY = "any"
    RECORDED = "recorded"


class Playback:
    """One client's way through a conversation.

    In any order, the same question gets its recorded answers in turn, and then the last one again,
    or, if the playback is strict, none. In the recorded order, only the next recorded command is
    answered; any other is refused, and the next one stays the same. Out-of-band commands have an
    order of their own, because they may overtake the others in the monitor.

    Args:
        lookup: The conversation's commands.
        order: The order that the client has to keep.
        is_strict: Refuse questions that are asked more often than recorded.
    """

    __slots__ = ("_in_order", "_is_strict", "_lookup", "_next", "_oob_next", "_turns")

    def __init__(self, lookup: Lookup, order: Order, *, is_strict: bool) -> None:
        self._lookup = lookup
        self._in_order = order is Order.RECORDED
        self._is_strict = is_strict
        self._turns: dict[Question, int] = {}
        exchanges = lookup.exchanges if self._in_order else ()
        self._next = deque(at for at, each in enumerate(exchanges) if not each.command.is_oob)
        self._oob_next = deque(at for at, each in enumerate(exchanges) if each.command.is_oob)

    def answer(self, command: CommandMessage) -> int | Refusal:
        """Return the index of the exchange that answers a command, or why none does."""
        if self._in_order:
            return self._answer_in_order(command)
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
        return question.turns[turn]

    def expected(self, command: CommandMessage) -> int | None:
        """Return the index of the exchange that the recorded order has next; None at its end."""
        following = self._oob_next if command.is_oob else self._next
        return following[0] if following else None

    def _answer_in_order(self, command: CommandMessage) -> int | Refusal:
        at = self.expected(command)
        if at is not None and self._lookup.is_at(command, at):
            (self._oob_next if command.is_oob else self._next).popleft()
            return at
        question = self._lookup.find(command)
        if question is None:
            return Refusal.UNRECORDED
        is_over = at is None or question.turns[-1] < at
        return Refusal.EXHAUSTED if is_over else Refusal.OUT_OF_ORDER
