"""The conversations of one connection: where each begins.

A greeting or ``@ opened`` begins one, and so does ``qmp_capabilities``, unless it belongs to the
greeting before it, or the server refused it.
"""

from collections.abc import Iterable, Sequence

from qmpeer.messages import CAPABILITIES_COMMAND
from qmpeer.replay.patterns import canonical
from qmpeer.replay.reading import Answered, AnyPart, Asked, Began, Greeted, Happened
from qmpeer.values import UNSET, JsonValue, UnsetType


def split_conversations(parts: Iterable[AnyPart]) -> list[list[AnyPart]]:
    """Split a connection's parts into those of its conversations; empty ones are left out."""
    split = [_Conversation()]
    negotiation: list[JsonValue | UnsetType] = []  # ids of capability commands that began one
    for part in parts:
        if isinstance(part, Began | Greeted):
            if any(not isinstance(each, Began) for each in split[-1].parts):
                split.append(_Conversation())
            negotiation.clear()
        elif isinstance(part, Asked) and is_negotiation(part):
            if split[-1].has_commands:
                split.append(_Conversation())
                negotiation.append(part.id)
        elif isinstance(part, Answered) and part.value.get("id", UNSET) in negotiation:
            negotiation.remove(part.value.get("id", UNSET))
            if "error" in part.value and len(split) > 1:  # refused: nothing began
                for each in split.pop().parts:
                    split[-1].add(each)
        split[-1].add(part)
    return [each.parts for each in split if _is_worth_playing(each.parts)]


class _Conversation:
    """The parts of one conversation so far."""

    def __init__(self) -> None:
        self.parts: list[AnyPart] = []
        self._open: dict[bytes, list[Asked]] = {}  # commands without reply, by id
        self._count = 0  # of the commands that show that negotiation is over

    @property
    def has_commands(self) -> bool:
        """True if a command shows that negotiation is over, or isn't part of the recording."""
        return self._count > 0

    def add(self, part: AnyPart) -> None:
        """Add the next part."""
        self.parts.append(part)
        if isinstance(part, Asked) and part.command is not None:
            self._open.setdefault(id_key(part.id), []).append(part)
            self._count += 1
        elif isinstance(part, Answered):
            asked = self._open.pop(id_key(part.value.get("id", UNSET)), ())
            self._count -= sum(_is_refused(each, part) for each in asked)


def _is_refused(asked: Asked, reply: Answered) -> bool:
    """Return True if the server refused to negotiate, or didn't know the command."""
    error = reply.value.get("error")
    if is_negotiation(asked):
        return "error" in reply.value
    return isinstance(error, dict) and error.get("class") == "CommandNotFound"


def id_key(value: JsonValue | UnsetType) -> bytes:
    """Return a text that is equal for equal ids, and for none."""
    return b"" if isinstance(value, UnsetType) else canonical(value)


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
