"""The conversations of one connection: where each begins.

A greeting or ``@ opened`` begins one, and so does ``qmp_capabilities``, unless it belongs to the
greeting before it, or the server refused it.
"""

from collections.abc import Iterable, Sequence

from qmpeer.messages import CAPABILITIES_COMMAND
from qmpeer.replay.reading import Answered, AnyPart, Asked, Began, Greeted, Happened
from qmpeer.values import UNSET, JsonValue, UnsetType


def split_conversations(parts: Iterable[AnyPart]) -> list[list[AnyPart]]:
    """Split a connection's parts into those of its conversations; empty ones are left out."""
    split: list[list[AnyPart]] = [[]]
    negotiation: list[JsonValue | UnsetType] = []  # ids of capability commands that began one
    for part in parts:
        current = split[-1]
        if isinstance(part, Began | Greeted):
            if any(not isinstance(each, Began) for each in current):
                split.append([])
            negotiation.clear()
        elif isinstance(part, Asked) and is_negotiation(part):
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
    if not commands:  # a reply is then an error, see paired_replies()
        return any(isinstance(part, Happened | Answered) for part in parts)
    has_asked = any(part.command is not None and not is_negotiation(part) for part in commands)
    return has_asked or any(isinstance(part, Happened) for part in parts)


def is_negotiation(part: AnyPart) -> bool:
    """Return True if a part is the command that negotiates."""
    if not isinstance(part, Asked):
        return False
    return part.command is not None and part.command.name == CAPABILITIES_COMMAND


def _counts(asked: Asked, parts: Sequence[AnyPart]) -> bool:
    """Return True if a command shows that negotiation is over, or isn't part of the recording."""
    if asked.command is None:
        return False
    if is_negotiation(asked):
        reply = _reply_in(asked, parts)
        return reply is None or "error" not in reply.value
    return not _was_unknown(asked, parts)


def _was_unknown(asked: Asked, parts: Sequence[AnyPart]) -> bool:
    """Return True if the server didn't know the command."""
    reply = _reply_in(asked, parts)
    error = None if reply is None else reply.value.get("error")
    return isinstance(error, dict) and error.get("class") == "CommandNotFound"


def _reply_in(asked: Asked, parts: Sequence[AnyPart]) -> Answered | None:
    behind = parts[parts.index(asked) :] if asked in parts else ()
    found = (p for p in behind if isinstance(p, Answered) and p.value.get("id", UNSET) == asked.id)
    return next(found, None)
