"""The place of a command that a client asks in vain, in the conversations that it doesn't have."""

from collections.abc import Sequence
from functools import cached_property

import msgspec

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage
from qmpeer.replay.conversations import Conversation, Exchange
from qmpeer.replay.lookup import Lookup


class Found(msgspec.Struct, frozen=True):
    """A recorded command that has the name of one that was asked.

    Attributes:
        conversation: The number of its conversation.
        exchange: The command.
        has_arguments: True if its arguments are the same, too.
    """

    conversation: int
    exchange: Exchange
    has_arguments: bool

    def __str__(self) -> str:
        ending = "" if self.has_arguments else " with other arguments"
        return f"conversation {self.conversation} has it{ending} ({self.exchange.place})"


class Elsewhere:
    """The commands of all conversations together.

    Their index is made when it is first needed: most replays need none.

    Args:
        conversations: All conversations of the recording.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._conversations = conversations

    def find(self, command: CommandMessage, own: Conversation) -> Found | None:
        """Return where a command is recorded that isn't in the client's own conversation.

        The same arguments win over others; then the own conversation wins over others.
        """
        question = None if self._lookup is None else self._lookup.find(command)
        if question is not None:
            at = question.turns[0]
            return Found(self._numbers[at], self._exchanges[at], has_arguments=True)
        for one in (own, *self._conversations):
            for each in one.exchanges:
                if each.command.name == command.name:
                    return Found(one.number, each, has_arguments=False)
        return None

    @cached_property
    def _exchanges(self) -> list[Exchange]:
        return [each for one in self._conversations for each in one.exchanges]

    @cached_property
    def _numbers(self) -> list[int]:
        return [one.number for one in self._conversations for _ in one.exchanges]

    @cached_property
    def _lookup(self) -> Lookup | None:
        try:
            return Lookup(self._exchanges)
        except TranscriptError:  # a pattern in a conversation that isn't played
            return None
