"""Inputs that are known to kill a release of QEMU."""

from collections.abc import Callable
from typing import Final

import msgspec

from qmpeer.messages import CommandMessage
from qmpeer.values import JsonObject

_Release = tuple[int, int]


class KnownCrash(msgspec.Struct, frozen=True):
    """An input that kills QEMU.

    Attributes:
        command: The command.
        first: The first release that dies of it.
        last: The last one.
        matches: True for the arguments that do it.
        reason: What happens.
    """

    command: str
    first: _Release
    last: _Release
    matches: Callable[[JsonObject], bool]
    reason: str


def _no_options(arguments: JsonObject) -> bool:
    return arguments.get("options") == []


KNOWN_CRASHES: Final = (
    KnownCrash("blockdev-reopen", (6, 1), (7, 2), _no_options, "it aborts if there are no options"),
)
"""All known ones, with the releases for which they were tried or reported."""


def known_crash(release: _Release | None, command: CommandMessage) -> str | None:
    """Return why a command would kill a release of QEMU; None if it isn't known to.

    Args:
        release: The release, such as (7, 2); None if it is unknown, and could be any.
        command: The command.
    """
    arguments = command.arguments or {}
    for each in KNOWN_CRASHES:
        if each.command != command.name or not each.matches(arguments):
            continue
        if release is None or each.first <= release <= each.last:
            return each.reason
    return None
