"""The differences between a command that came and the nearest recorded one."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Generic, Protocol, TypeVar

import msgspec

from qmpeer import limits
from qmpeer.messages import CommandMessage, near_names, redact_arguments
from qmpeer.messages.shown_values import shown_value
from qmpeer.replay.patterns import ANY, canonical, compile_value, is_loose
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType


class Difference(msgspec.Struct, frozen=True):
    """One place at which two commands' arguments differ, without secrets.

    Attributes:
        path: The path to it, such as "actions[0].type".
        found: The value that came; UNSET if there was none.
        recorded: The recorded value; UNSET if there was none.
    """

    path: str
    found: JsonValue | UnsetType = UNSET
    recorded: JsonValue | UnsetType = UNSET

    def __str__(self) -> str:
        if self.recorded is UNSET:
            return f"{self.path}: found {shown_value(self.found)}, none is recorded"
        if self.found is UNSET:
            return f"{self.path}: missing, recorded is {shown_value(self.recorded)}"
        found, recorded = shown_value(self.found), shown_value(self.recorded)
        return f"{self.path}: found {found}, recorded is {recorded}"


class KnownCommand(Protocol):
    """A recorded command, or an expected one; its arguments may hold patterns."""

    @property
    def command(self) -> CommandMessage:
        """The command."""


KnownT = TypeVar("KnownT", bound=KnownCommand)


class Nearest(msgspec.Struct, Generic[KnownT], frozen=True):
    """The recorded command that resembles another one most.

    Attributes:
        exchange: The recorded command.
        differences: The differences between the arguments; empty if only the names differ, or if
            they differ in a secret only.
    """

    exchange: KnownT
    differences: tuple[Difference, ...]


def nearest(command: CommandMessage, exchanges: Sequence[KnownT]) -> Nearest[KnownT] | None:
    """Return the recorded command that resembles a given one most; None if none does.

    A command of the same name is nearer than any other, and one with fewer differences is nearer
    than one with more.
    """
    same = [each for each in exchanges if each.command.name == command.name]
    if not same:
        names = dict.fromkeys(each.command.name for each in exchanges)
        choice = islice(names, limits.NEAR_NAME_CHOICES)
        near = near_names(command.name, choice, 1)
        same = [each for each in exchanges if each.command.name in near]
    if not same:
        return None
    # Secrets are compared, too: redacting them all would take far longer.
    mine = command.arguments or {}
    nearest_one = min(
        same[: limits.REPLAY_COMPARED],
        key=lambda each: _distance(mine, each.command.arguments or {}),
    )
    return Nearest(nearest_one, argument_differences(command, nearest_one))


def _distance(found: JsonObject, recorded: JsonObject) -> float:
    return sum(map(_cost, islice(_differences("", found, recorded), limits.REPLAY_DIFFERENCES)))


def argument_differences(command: CommandMessage, exchange: KnownCommand) -> tuple[Difference, ...]:
    """Return the differences between a command's arguments and recorded ones, secrets redacted."""
    recorded = exchange.command
    mine = redact_arguments(command.name, command.arguments) or {}
    theirs = redact_arguments(recorded.name, recorded.arguments) or {}
    return tuple(islice(_differences("", mine, theirs), limits.REPLAY_DIFFERENCES))


def _differences(
    path: str, found: JsonValue, recorded: JsonValue, depth: int = 0
) -> Iterator[Difference]:
    match found, recorded:
        case dict(), dict() if depth < limits.REDACTION_DEPTH:
            yield from _member_differences(path, found, recorded, depth + 1)
        case list(), list() if depth < limits.REDACTION_DEPTH:
            for at in range(max(len(found), len(recorded))):
                mine = found[at] if at < len(found) else UNSET
                theirs = recorded[at] if at < len(recorded) else UNSET
                yield from _item_difference(f"{path}[{at}]", mine, theirs, depth + 1)
        case _ if not _fits(found, recorded):
            yield Difference(path, shortened(found), shortened(recorded))


def _member_differences(
    path: str, found: JsonObject, recorded: JsonObject, depth: int
) -> Iterator[Difference]:
    for name in dict.fromkeys((*recorded, *found)):
        if name != ANY and (name in recorded or ANY not in recorded):
            mine, theirs = found.get(name, UNSET), recorded.get(name, UNSET)
            yield from _item_difference(f"{path}.{name}" if path else name, mine, theirs, depth)


def _item_difference(
    path: str, found: JsonValue | UnsetType, recorded: JsonValue | UnsetType, depth: int
) -> Iterator[Difference]:
    if isinstance(found, UnsetType) or isinstance(recorded, UnsetType):
        yield Difference(path, _kept(found), _kept(recorded))
    else:
        yield from _differences(path, found, recorded, depth)


def shortened(value: JsonValue) -> JsonValue:
    """Return a value for a report; of a long one, the beginning of its text."""
    text = canonical(value)
    if len(text) <= limits.REPLAY_KEPT:
        return value
    return text[: limits.REPLAY_SHOWN].decode("utf-8", "replace") + "…"


def _kept(value: JsonValue | UnsetType) -> JsonValue | UnsetType:
    return value if isinstance(value, UnsetType) else shortened(value)


def _fits(found: JsonValue, recorded: JsonValue) -> bool:
    if type(found) is str and found == recorded:
        return True
    return canonical(found) == canonical(recorded) or (
        is_loose(recorded) and compile_value(recorded)(found)
    )


def _cost(difference: Difference) -> float:
    """Return how much a difference counts: 1, or less for texts that begin or end alike."""
    found, recorded = difference.found, difference.recorded
    if isinstance(found, str) and isinstance(recorded, str):
        longest = max(len(found), len(recorded))
        alike = _common(found, recorded) + _common(found[::-1], recorded[::-1])
        return 1 - min(alike, longest) / (2 * longest)
    return 1.0


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common, counted to a limit."""
    most = min(len(one), len(other), limits.NEAR_NAME_LENGTH)
    return next((at for at in range(most) if one[at] != other[at]), most)
