"""The command of each recorded reply.

A reply belongs to the oldest command with its id that has none; a reply without id, to the oldest
without id.
"""

from collections import deque
from collections.abc import Sequence

from qmpeer.errors import TranscriptError
from qmpeer.replay.reading import Answered, AnyPart, Asked, Place
from qmpeer.replay.splitting import id_key, is_negotiation
from qmpeer.values import UNSET


def paired_replies(parts: Sequence[AnyPart]) -> tuple[dict[int, int], list[Place]]:
    """Return the index of each reply's command, by the reply's index; and the stray replies.

    Raises:
        TranscriptError: If a reply comes before any command, or what is no command returns a value.
    """
    open_commands: dict[bytes, deque[int]] = {}  # indices of commands without reply, by id
    pairs: dict[int, int] = {}
    answered: set[int] = set()
    oldest = 0  # no command before it lacks its reply
    strays: list[Place] = []
    has_asked = False
    for at, part in enumerate(parts):
        if isinstance(part, Asked):
            has_asked = True
            open_commands.setdefault(id_key(part.id), deque()).append(at)
        elif isinstance(part, Answered):
            id = part.value.get("id", UNSET)
            waiting = open_commands.get(id_key(id))
            if not waiting and id is UNSET and "return" in part.value:
                # Written by hand: servers echo the id, except in the error for a text without one.
                while not isinstance(each := parts[oldest], Asked) or oldest in answered:
                    if oldest == at:
                        break
                    oldest += 1
                else:
                    waiting = open_commands[id_key(each.id)]
            if waiting:
                pairs[at] = waiting.popleft()
                answered.add(pairs[at])
                _check(parts[pairs[at]], part)
            elif has_asked:
                strays.append(part.place)
            else:
                reason = "found a reply before any command, expected a line '-> ' before it"
                raise _error(reason, part.place)
    return pairs, strays


def _check(asked: AnyPart, answered: Answered) -> None:
    """Check that a value is returned by a command: a server refuses anything else."""
    if isinstance(asked, Asked) and asked.error and "return" in answered.value:
        raise _error(asked.error, asked.place)


def _error(reason: str, place: Place) -> TranscriptError:
    return TranscriptError(reason, place.name or "the transcript", place.line)


def refused_before_negotiation(parts: Sequence[AnyPart], pairs: dict[int, int]) -> set[int]:
    """Return the indices of the commands that were refused before negotiation.

    The monitor refuses them itself, as the recorded server did.
    """
    negotiated = next((at for at, part in enumerate(parts) if is_negotiation(part)), 0)
    refused = (pairs[at] for at, part in enumerate(parts) if _is_unknown(part) and at in pairs)
    return {at for at in refused if at < negotiated}


def _is_unknown(part: AnyPart) -> bool:
    error = part.value.get("error") if isinstance(part, Answered) else None
    return isinstance(error, dict) and error.get("class") == "CommandNotFound"
