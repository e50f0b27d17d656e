"""The counts of a replay as it goes on, and the entries of its report."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from qmpeer import limits
from qmpeer.messages import CommandMessage, redact_arguments
from qmpeer.replay.conversations import Conversation, Exchange
from qmpeer.replay.differences import Nearest, nearest, shortened
from qmpeer.replay.report import Miss, Refusal, Report, ReportedCommand


class MissKind(Enum):
    """The lists of the report that a command may be in."""

    IN_VAIN = "in vain"
    OUT_OF_ORDER = "out of order"
    FROM_SERVER = "from the server"


_KINDS: Final = {
    Refusal.UNRECORDED: MissKind.IN_VAIN,
    Refusal.EXHAUSTED: MissKind.IN_VAIN,
    Refusal.OUT_OF_ORDER: MissKind.OUT_OF_ORDER,
}


class Tally:
    """The counts of a replay, as it goes on.

    Args:
        conversations: The conversations that may be played.

    Attributes:
        clients: The clients that have asked something.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._conversations = conversations
        self._played: dict[int, set[int]] = {each.number: set() for each in conversations}
        self._misses: dict[MissKind, list[Miss]] = {kind: [] for kind in MissKind}
        self._counts = dict.fromkeys(MissKind, 0)
        self.clients: int = 0

    def reset(self) -> None:
        """Count from 0, also what clients that are there play from now on."""
        for played in self._played.values():
            played.clear()
        for misses in self._misses.values():
            misses.clear()
        self._counts = dict.fromkeys(MissKind, 0)
        self.clients = 0

    def played(self, conversation: Conversation) -> set[int]:
        """Return the indices of the played exchanges of a conversation; add to them."""
        return self._played[conversation.number]

    def count(self, refusal: Refusal, *, from_server: bool) -> bool:
        """Count a command that wasn't answered as recorded; return True if it is to be listed."""
        kind = MissKind.FROM_SERVER if from_server else _KINDS[refusal]
        self._counts[kind] += 1
        return self._counts[kind] <= limits.REPLAY_REPORTED

    def list(self, miss: Miss, refusal: Refusal) -> None:
        """List a command that was counted."""
        kind = MissKind.FROM_SERVER if miss.from_server else _KINDS[refusal]
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
            clients=self.clients,
            played=sum(map(len, self._played.values())),
            never_asked=tuple(shown),
            never_asked_count=len(left),
            asked_in_vain=tuple(self._misses[MissKind.IN_VAIN]),
            asked_in_vain_count=self._counts[MissKind.IN_VAIN],
            out_of_order=tuple(self._misses[MissKind.OUT_OF_ORDER]),
            out_of_order_count=self._counts[MissKind.OUT_OF_ORDER],
            from_server=tuple(self._misses[MissKind.FROM_SERVER]),
            from_server_count=self._counts[MissKind.FROM_SERVER],
            strays=tuple(str(place) for each in self._conversations for place in each.strays),
        )


def reported(command: CommandMessage, place: object = "") -> ReportedCommand:
    """Return a command for a report."""
    arguments = redact_arguments(command.name, command.arguments) or {}
    kept = shortened(arguments)
    return ReportedCommand(
        command.name[: limits.REPLAY_SHOWN],
        kept if isinstance(kept, dict) else {"…": kept},
        str(place),
    )


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
    near: Nearest[Exchange] | None
    if refusal is Refusal.OUT_OF_ORDER and expected is not None:
        near = Nearest(expected, ())
    else:
        near = nearest(command, exchanges)
    shown = None if near is None else reported(near.exchange.command, near.exchange.place)
    differences = () if near is None else near.differences
    return Miss(reported(command), refusal.value, conversation.number, shown, differences)
