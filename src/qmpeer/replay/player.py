"""One client's conversation with a recording, without I/O: what the server sends for each command.

The player puts together the playback of a conversation, the answers that every client may ask for,
and the report.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from qmpeer.messages import CommandMessage
from qmpeer.replay.conversations import Conversation, RecordedReply, Step
from qmpeer.replay.elsewhere import Elsewhere, Found
from qmpeer.replay.known_answers import KnownAnswers
from qmpeer.replay.lookup import Lookup
from qmpeer.replay.playback import Order, Playback
from qmpeer.replay.report import Miss, Refusal
from qmpeer.replay.tally import Tally, missed
from qmpeer.values import JsonObject, UnsetType

Steps: TypeAlias = tuple[Step, ...]
OnAnswer: TypeAlias = Callable[[Conversation, CommandMessage, RecordedReply], None]

_SYNCS: Final = ("guest-sync", "guest-sync-delimited")
"""Commands of a guest agent that return their argument, which is another one each time."""


class Course(msgspec.Struct, frozen=True):
    """A conversation that is ready to be played, to any number of clients.

    Attributes:
        conversation: The conversation.
        lookup: Its commands.
        greeting: The greeting that its clients get; None for none, without negotiation.
    """

    conversation: Conversation
    lookup: Lookup
    greeting: JsonObject | None


class Rules(msgspec.Struct, frozen=True):
    """The rules by which a recording is replayed.

    Attributes:
        order: The order that clients have to keep.
        is_strict: Refuse questions that are asked more often than recorded.
    """

    order: Order = Order.ANY
    is_strict: bool = False


class Player:
    """The conversation of one client.

    Args:
        course: What is played.
        rules: How it is played.
        known: The answers that every client may ask for.
        elsewhere: The commands of all conversations.
        tally: The counts of the whole replay.
        on_miss: Called with each command that isn't answered as recorded.
        on_answer: Called with each answer of a real server, and its conversation; or None.
    """

    __slots__ = (
        "_elsewhere",
        "_known",
        "_on_answer",
        "_on_miss",
        "_played",
        "_syncs",
        "_tally",
        "course",
        "has_asked",
        "playback",
    )

    def __init__(
        self,
        course: Course,
        rules: Rules,
        known: KnownAnswers,
        elsewhere: Elsewhere,
        tally: Tally,
        on_miss: Callable[[Miss], None],
        on_answer: OnAnswer | None = None,
    ) -> None:
        self.course: Course = course
        self.playback: Playback = Playback(course.lookup, rules.order, is_strict=rules.is_strict)
        self.has_asked: bool = False
        self._known = known
        self._elsewhere = elsewhere
        self._tally = tally
        self._played = tally.played(course.conversation)
        self._syncs: dict[str, int] = {}  # by name, where to look for the next one to count
        self._on_miss = on_miss
        self._on_answer = on_answer

    def ask(self, command: CommandMessage) -> Steps | Refusal:
        """Return the steps that follow a command, or why there are none."""
        if not self.has_asked:
            self.has_asked = True
            self._tally.clients += 1
        found = self.playback.answer(command)
        if isinstance(found, int):
            self._played.add(found)
            return self.course.lookup.exchanges[found].steps
        if found is Refusal.UNRECORDED:
            known = self._known_answer(command)
            if known is not None:
                return (known,)
        return found

    def _known_answer(self, command: CommandMessage) -> RecordedReply | None:
        arguments = command.arguments or {}
        if not arguments:
            value = self._known.get(command.name)
            return None if isinstance(value, UnsetType) else RecordedReply(0.0, value)
        if self.course.greeting is None and command.name in _SYNCS and "id" in arguments:
            self._play_sync(command.name)
            return RecordedReply(0.0, arguments["id"])
        return None

    def _play_sync(self, name: str) -> None:
        """Count the next recorded command of a name as played."""
        exchanges = self.course.lookup.exchanges
        for at in range(self._syncs.get(name, 0), len(exchanges)):
            if at not in self._played and exchanges[at].command.name == name:
                self._played.add(at)
                self._syncs[name] = at + 1
                break
        else:
            self._syncs[name] = len(exchanges)

    def answered_by_server(
        self, command: CommandMessage, refusal: Refusal, reply: RecordedReply
    ) -> None:
        """Report a command that a real server has answered."""
        self.miss(command, refusal, from_server=True)
        if self._on_answer is not None:
            self._on_answer(self.course.conversation, command, reply)

    def refuse(self, command: CommandMessage, refusal: Refusal) -> RecordedReply:
        """Report a command that isn't answered as recorded, and return the client's error."""
        self.miss(command, refusal)
        own = self.course.conversation.number
        return refusal_reply(command, refusal, self._found(command, refusal), own)

    def _found(self, command: CommandMessage, refusal: Refusal) -> Found | None:
        if refusal is not Refusal.UNRECORDED:
            return None
        return self._elsewhere.find(command, self.course.conversation)

    def miss(self, command: CommandMessage, refusal: Refusal, *, from_server: bool = False) -> None:
        """Report a command that isn't answered as recorded; after many, only count it."""
        if not self._tally.count(refusal, from_server=from_server):
            return
        exchanges = self.course.lookup.exchanges
        at = self.playback.expected(command)
        expected = None if at is None else exchanges[at]
        miss = missed(command, refusal, self.course.conversation, exchanges, expected)
        note = self._known.absence(command.name)
        found = self._found(command, refusal)
        if found is not None and found.conversation != miss.conversation:
            note = str(found)
        elif found is not None and miss.nearest is not None and not miss.differences:
            note = "the arguments differ in a secret only"
        if from_server or note:
            miss = msgspec.structs.replace(miss, from_server=from_server, note=note)
        self._tally.list(miss, refusal)
        self._on_miss(miss)


def refusal_reply(
    command: CommandMessage, refusal: Refusal, found: Found | None = None, own: int = 1
) -> RecordedReply:
    """Return the error that a client gets for a command that isn't answered as recorded.

    Args:
        command: The command.
        refusal: Why it isn't answered.
        found: Where one of its name is recorded, or None.
        own: The number of the client's conversation.
    """
    if refusal is Refusal.OUT_OF_ORDER:
        desc = f"The command {command.name} comes out of the recorded order"
        return RecordedReply(0.0, error={"class": "GenericError", "desc": desc})
    if found is not None and found.conversation != own:
        where = f"in conversation {own} of the recording; {found}"
    elif found is not None:
        where = f"{'with these' if command.arguments else 'without'} arguments in the recording"
    else:
        where = f"{'once more ' * (refusal is Refusal.EXHAUSTED)}in the recording"
    desc = f"The command {command.name} has not been found {where}"
    return RecordedReply(0.0, error={"class": "CommandNotFound", "desc": desc})
