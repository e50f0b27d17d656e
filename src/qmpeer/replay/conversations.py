"""The conversations of a recording: commands, each with what the server then sent.

Theory of operation. A greeting, ``@ opened`` or ``qmp_capabilities`` begins a conversation, except
that one beginning takes all three. A reply belongs to the oldest command with its id that has none;
a reply without id, to the oldest without id. Negotiation is left to the monitor.

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

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from qmpeer.errors import TranscriptError
from qmpeer.messages import CAPABILITIES_COMMAND, CommandMessage, Timestamp
from qmpeer.replay.patterns import canonical
from qmpeer.replay.reading import (
    Answered,
    AnyPart,
    Asked,
    Began,
    Ended,
    Greeted,
    Happened,
    Place,
    recorded_parts,
)
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
    """What one client asked, and what the server sent.

    Attributes:
        number: Its number in all recordings together, from 1.
        place: The place of its beginning.
        greeting: The greeting as it stood; None if there is none.
        opening: The steps before the first command.
        exchanges: The commands, in the order in which they were sent.
        connection: The number of its connection.
        last_line: The number of its last message's last line; 0 if unknown.
        strays: The places of replies that belong to no command.
    """

    number: int
    place: Place
    greeting: JsonObject | None
    opening: tuple[Step, ...]
    exchanges: tuple[Exchange, ...]
    connection: int = 1
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
    parts = [each for one in connections.values() for each in _split(one)]
    parts.sort(key=lambda one: one[0].place.position)
    conversations = [_conversation(one, before + at) for at, one in enumerate(parts, 1)]
    if not conversations:
        reason = "found no command and no event, expected a recorded conversation"
        raise TranscriptError(reason, transcript.name or "the transcript")
    return conversations


def _split(parts: Iterable[AnyPart]) -> list[list[AnyPart]]:
    """Split a connection's parts into those of its conversations; empty ones are left out."""
    split: list[list[AnyPart]] = [[]]
    negotiation: list[JsonValue | UnsetType] = []  # ids of capability commands that began one
    for part in parts:
        current = split[-1]
        if isinstance(part, Began | Greeted):
            if any(not isinstance(each, Began) for each in current):
                split.append([])
            negotiation.clear()
        elif isinstance(part, Asked) and _is_negotiation(part):
            if any(isinstance(each, Asked) and _counts(each, current) for each in current):
                split.append([])
                negotiation.append(part.id)
        elif isinstance(part, Answered) and part.value.get("id", UNSET) in negotiation:
            negotiation.remove(part.value.get("id", UNSET))
            if "error" in part.value and len(split) > 1:  # refused: nothing began
                current = split.pop()
                split[-1] += current
        split[-1].append(part)
    return [*filter(_is_worth_playing, split)]


def _is_worth_playing(parts: Sequence[AnyPart]) -> bool:
    """Return False if a client connected, negotiated at most, and left."""
    commands = [part for part in parts if isinstance(part, Asked)]
    if not commands:  # a reply is then an error, see _paired()
        return any(isinstance(part, Happened | Answered) for part in parts)
    has_asked = any(part.command is not None and not _is_negotiation(part) for part in commands)
    return has_asked or any(isinstance(part, Happened) for part in parts)


def _is_negotiation(part: Asked) -> bool:
    return part.command is not None and part.command.name == CAPABILITIES_COMMAND


def _counts(asked: Asked, parts: Sequence[AnyPart]) -> bool:
    """Return True if a command shows that negotiation is over, or isn't part of the recording."""
    if asked.command is None:
        return False
    if _is_negotiation(asked):
        reply = _reply_in(asked, parts)
        return reply is None or "error" not in reply.value
    return not _was_refused(asked, parts)


def _was_refused(asked: Asked, parts: Sequence[AnyPart]) -> bool:
    """Return True if the server didn't know the command."""
    reply = _reply_in(asked, parts)
    error = None if reply is None else reply.value.get("error")
    return isinstance(error, dict) and error.get("class") == "CommandNotFound"


def _reply_in(asked: Asked, parts: Sequence[AnyPart]) -> Answered | None:
    behind = parts[parts.index(asked) :] if asked in parts else ()
    found = (p for p in behind if isinstance(p, Answered) and p.value.get("id", UNSET) == asked.id)
    return next(found, None)


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
    pairs, strays = _paired(parts)
    ignored = _before_negotiation(parts, pairs) if greeting is not None else set()
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
    first = parts[0]
    end = max((part.end for part in parts if not isinstance(part, Ended)), default=0)
    return Conversation(
        number,
        first.place,
        greeting,
        tuple(opening.steps),
        exchanges,
        first.connection,
        end,
        tuple(strays),
    )


def _paired(parts: Sequence[AnyPart]) -> tuple[dict[int, int], list[Place]]:
    """Return the index of each reply's command, by the reply's index; and the stray replies.

    Raises:
        TranscriptError: If a reply comes before any command.
    """
    open_commands: dict[bytes, deque[int]] = {}  # indices of commands without reply, by id
    pairs: dict[int, int] = {}
    strays: list[Place] = []
    has_asked = False
    for at, part in enumerate(parts):
        if isinstance(part, Asked):
            has_asked = True
            open_commands.setdefault(_id(part.id), deque()).append(at)
        elif isinstance(part, Answered):
            id = part.value.get("id", UNSET)
            waiting = open_commands.get(_id(id))
            if not waiting and id is UNSET and "return" in part.value:
                # Written by hand: servers echo the id, except in the error for a text without one.
                waiting = min(filter(None, open_commands.values()), default=None)
            if waiting:
                pairs[at] = waiting.popleft()
            elif has_asked:
                strays.append(part.place)
            else:
                reason = "found a reply before any command, expected a line '-> ' before it"
                place = part.place
                raise TranscriptError(reason, place.name or "the transcript", place.line)
    return pairs, strays


def _id(value: JsonValue | UnsetType) -> bytes:
    return b"" if isinstance(value, UnsetType) else canonical(value)


def _before_negotiation(parts: Sequence[AnyPart], pairs: dict[int, int]) -> set[int]:
    """Return the indices of the commands that were refused before negotiation.

    The monitor refuses them itself, as the recorded server did.
    """
    negotiated = next((at for at, p in enumerate(parts) if _negotiates(p)), 0)
    refused = (pairs[at] for at, part in enumerate(parts) if _is_unknown(part) and at in pairs)
    return {at for at in refused if at < negotiated}


def _negotiates(part: AnyPart) -> bool:
    return isinstance(part, Asked) and _is_negotiation(part)


def _is_unknown(part: AnyPart) -> bool:
    error = part.value.get("error") if isinstance(part, Answered) else None
    return isinstance(error, dict) and error.get("class") == "CommandNotFound"
