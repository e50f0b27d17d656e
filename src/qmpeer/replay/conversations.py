"""The conversations of a recording: commands, each with what the server then sent.

Theory of operation. `splitting` finds where each conversation begins, `pairing` the command of each
reply. Negotiation is left to the monitor.

Events keep their place among the replies. An event that came while a command was waiting for its
reply goes before the next reply; any other goes behind the last one::

    -> stop
    <- STOP          a step of stop, before its reply
    <- reply
    <- JOB_...       a step of stop, after it
    -> query-status

A command that never got a reply has no such step, and whatever came after it follows it. The end of
the connection is a step, too, if the server was the one who ended it.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from qmpeer.errors import TranscriptError
from qmpeer.messages import CAPABILITIES_COMMAND, CommandMessage, Timestamp
from qmpeer.replay.pairing import paired_replies, refused_before_negotiation
from qmpeer.replay.reading import (
    Answered,
    AnyPart,
    Asked,
    Ended,
    Greeted,
    Happened,
    Place,
    recorded_parts,
)
from qmpeer.replay.splitting import split_conversations
from qmpeer.transcript import Transcript
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType


class RecordedReply(msgspec.Struct, frozen=True):
    """A reply: the value that the command returned, or its error.

    Attributes:
        delay: Seconds since the step before it, or since its command.
        value: The return value; UNSET for an error.
        error: The error's members, or None.
    """

    delay: float
    value: JsonValue | UnsetType = UNSET
    error: JsonObject | None = None


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event.

    Attributes:
        delay: Seconds since the step before it, or since the command.
        name: Its name.
        data: Its data; None if it had none.
        timestamp: Its timestamp; None if it had none.
    """

    delay: float
    name: str
    data: JsonObject | None = None
    timestamp: Timestamp | None = None


class RecordedEnd(msgspec.Struct, frozen=True):
    """The end of the connection by the server, and the seconds since the step before it."""

    delay: float


Step: TypeAlias = RecordedReply | RecordedEvent | RecordedEnd


class Exchange(msgspec.Struct, frozen=True):
    """A recorded command with the steps that followed it, one of them its reply.

    Attributes:
        command: The command; its arguments may hold patterns.
        place: The place of the command.
        steps: What the server sent. A command that was cut off has no reply here.
    """

    command: CommandMessage
    place: Place
    steps: tuple[Step, ...]


class Conversation(msgspec.Struct, frozen=True):
    """The commands of one client, and everything that the server sent.

    Attributes:
        number: Its number in all recordings together, from 1.
        place: The place of its beginning.
        greeting: The greeting as it stood; None if there is none.
        opening: The steps before the first command.
        exchanges: The commands, in the order in which they were sent.
        last_line: The number of its last message's last line; 0 if unknown.
        strays: The places of replies that belong to no command.
    """

    number: int
    place: Place
    greeting: JsonObject | None
    opening: tuple[Step, ...]
    exchanges: tuple[Exchange, ...]
    last_line: int = 0
    strays: tuple[Place, ...] = ()


def recorded_conversations(transcript: Transcript, before: int = 0) -> list[Conversation]:
    """Return the conversations of a transcript, in the order in which they began.

    Args:
        transcript: The transcript.
        before: The number of conversations before its own, from other transcripts.

    Raises:
        TranscriptError: If a line can't be read, a reply comes before any command, or there is
            neither a command nor an event.
    """
    connections = recorded_parts(transcript)
    parts = [each for one in connections.values() for each in split_conversations(one)]
    parts.sort(key=lambda one: one[0].place.position)
    conversations = [_conversation(one, before + at) for at, one in enumerate(parts, 1)]
    if not conversations:
        for part in (each for one in connections.values() for each in one):
            if isinstance(part, Asked) and part.error:
                place = part.place
                raise TranscriptError(part.error, place.name or "the transcript", place.line)
        reason = "found no command and no event, expected a recorded conversation"
        raise TranscriptError(reason, transcript.name or "the transcript")
    return conversations


class _Open:
    """A command, or the opening, whose steps are being collected."""

    def __init__(self, asked: Asked | None, seconds: float) -> None:
        self.asked = asked
        self.steps: list[Step] = []
        self.seconds = seconds  # of the last step

    def add(self, part: AnyPart) -> None:
        delay = max(0.0, part.seconds - self.seconds)
        self.seconds = max(part.seconds, self.seconds)
        self.steps.append(_step(part, delay))


def _step(part: AnyPart, delay: float) -> Step:
    if isinstance(part, Answered):
        error = part.value.get("error")
        if isinstance(error, dict):
            return RecordedReply(delay, error=error)
        return RecordedReply(delay, part.value.get("return"))
    if isinstance(part, Happened):
        name, data = part.value["event"], part.value.get("data")
        assert isinstance(name, str)
        stamp = _timestamp(part.value.get("timestamp"))
        return RecordedEvent(delay, name, data if isinstance(data, dict) else None, stamp)
    return RecordedEnd(delay)


def _timestamp(value: JsonValue) -> Timestamp | None:
    try:
        return msgspec.convert(value, Timestamp)
    except msgspec.ValidationError:
        return None


def _conversation(parts: Sequence[AnyPart], number: int) -> Conversation:
    greeting = next((part.value for part in parts if isinstance(part, Greeted)), None)
    pairs, strays = paired_replies(parts)
    ignored = refused_before_negotiation(parts, pairs) if greeting is not None else set()
    answered = set(pairs.values())
    opening = _Open(None, parts[0].seconds)
    opened: dict[int, _Open] = {}
    waiting: list[AnyPart] = []  # events that go before the next reply
    unanswered = 0
    last = opening
    for at, part in enumerate(parts):
        match part:
            case Asked(command=command) if command is not None and not (
                at in ignored or command.name == CAPABILITIES_COMMAND
            ):
                opened[at] = _Open(part, part.seconds)
                if at in answered:
                    unanswered += 1
                else:
                    last = opened[at]
            case Answered() if pairs.get(at) in opened:
                last = opened[pairs[at]]
                unanswered -= 1
                for event in waiting:
                    last.add(event)
                waiting.clear()
                last.add(part)
            case Happened():
                if unanswered:
                    waiting.append(part)
                else:
                    last.add(part)
            case Ended(is_by_server=True):
                last.add(part)
    exchanges = tuple(
        Exchange(each.asked.command, each.asked.place, tuple(each.steps))
        for each in opened.values()
        if each.asked is not None and each.asked.command is not None
    )
    end = max((part.end for part in parts if not isinstance(part, Ended)), default=0)
    return Conversation(
        number,
        parts[0].place,
        greeting,
        tuple(opening.steps),
        exchanges,
        end,
        tuple(strays),
    )
