"""Inputs that are known to kill a release of QEMU.

Each was tried on QEMU 7.2, 10.0 and 11.1 (x86_64), and kills at least one of them: a failed
assertion, a segmentation fault, an endless loop, or an exit with an error. A release in between is
taken for the worse of its neighbours, and a later one for the last that was tried. Others exist;
these are those that hours of random input find.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from qmpeer.messages import CommandMessage
from qmpeer.values import JsonObject, JsonValue

Release: TypeAlias = tuple[int, int]


class KnownCrash(msgspec.Struct, frozen=True, kw_only=True):
    """An input that kills QEMU.

    Attributes:
        command: The command.
        matches: True for the arguments that do it.
        reason: What happens.
        since: The first release that has the command in this form; None if that is unknown.
        survivor: The first release that is known to survive; None if there is none yet.
    """

    command: str
    matches: Callable[[JsonObject], bool]
    reason: str
    since: Release | None = None
    survivor: Release | None = None

    def kills(self, release: Release | None) -> bool:
        """Return True if a release dies of it; None is one that is unknown."""
        if release is None:
            return True
        is_old_enough = self.survivor is None or release < self.survivor
        return is_old_enough and (self.since is None or release >= self.since)


def known_crash(release: Release | None, command: CommandMessage) -> str | None:
    """Return why a command would kill a release of QEMU; None if it isn't known to.

    Args:
        release: The release, such as (7, 2); None if it is unknown.
        command: The command; a transaction whole, with its actions.

    Example:
        >>> known_crash((7, 2), CommandMessage("blockdev-reopen", {"options": []}))
        'it aborts if there are no options'
    """
    arguments = command.arguments or {}
    for each in _BY_COMMAND.get(command.name, ()):
        if each.kills(release) and each.matches(arguments):
            return each.reason
    return None


def _always(arguments: JsonObject) -> bool:
    return True


def _no_options(arguments: JsonObject) -> bool:
    return arguments.get("options") == []


def _enables_a_bitmap(arguments: JsonObject) -> bool:
    actions = arguments.get("actions")
    names = {"block-dirty-bitmap-enable", "x-block-dirty-bitmap-enable"}
    return isinstance(actions, list) and any(
        isinstance(each, dict) and each.get("type") in names for each in actions
    )


def _joins_a_hub(arguments: JsonObject) -> bool:
    return arguments.get("type") == "hubport" and "netdev" in arguments


_LONGEST_MS: Final = 100_000  # QEMU's own limit, where it has one
_MOST_PIXELS: Final = 8192
_MOST_CHARACTERS: Final = 1024


def _is_too_large(arguments: JsonObject) -> bool:
    data = _member(_member(arguments, "backend"), "data")
    return _member(_member(arguments, "backend"), "type") == "vc" and any(
        isinstance(size := _member(data, name), int) and not 0 <= size <= most
        for name, most in (
            ("width", _MOST_PIXELS),
            ("height", _MOST_PIXELS),
            ("cols", _MOST_CHARACTERS),
            ("rows", _MOST_CHARACTERS),
        )
    )


def _member(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None


def _is_negative(arguments: JsonObject) -> bool:
    size = arguments.get("size")
    return isinstance(size, int) and size < 0


def _is_out_of_time(arguments: JsonObject) -> bool:
    return any(
        isinstance(time := arguments.get(name), int) and not 0 <= time <= _LONGEST_MS
        for name in ("initial", "max", "rounds", "step")
    )


def _is_legacy(arguments: JsonObject) -> bool:
    return arguments.get("property") == "cpu-hotplug-legacy" and bool(arguments.get("value"))


def _is_live(arguments: JsonObject) -> bool:
    return arguments.get("live") is not False


def _has(member: str, *values: str) -> Callable[[JsonObject], bool]:
    """Return a test for a member with one of these values."""
    return lambda arguments: arguments.get(member) in values


_TOO_LARGE: Final = "it aborts if the console is too large"

KNOWN_CRASHES: Final = (
    KnownCrash(
        command="announce-self",
        matches=_is_out_of_time,
        reason="it is busy forever if a time is negative or very long",
    ),
    KnownCrash(
        command="blockdev-reopen",
        matches=_no_options,
        reason="it aborts if there are no options",
        since=(6, 1),
    ),
    KnownCrash(
        command="calc-dirty-rate",
        matches=_has("mode", "dirty-bitmap", "dirty-ring"),
        reason="it reads through a null pointer unless the machine runs with KVM",
        survivor=(10, 0),
    ),
    KnownCrash(command="chardev-add", matches=_is_too_large, reason=_TOO_LARGE),
    KnownCrash(command="chardev-change", matches=_is_too_large, reason=_TOO_LARGE),
    KnownCrash(
        command="device-list-properties",
        matches=_has("typename", "virtio-gpu-gl-pci", "virtio-vga-gl"),
        reason="it exits if the module of the type isn't installed",
        survivor=(10, 0),
    ),
    KnownCrash(
        command="memsave",
        matches=_is_negative,
        reason="it reads beyond its buffer if the size is negative",
        survivor=(10, 0),
    ),
    KnownCrash(
        command="netdev_add",
        matches=_joins_a_hub,
        reason="it aborts if the backend that joins the hub has a device already",
    ),
    KnownCrash(
        command="object-add",
        matches=_has("qom-type", "colo-compare"),
        reason="it aborts or hangs unless everything about the object is right",
    ),
    KnownCrash(
        command="object-add",
        matches=_has("qom-type", "cryptodev-vhost-user"),
        reason="it exits if the character device isn't connected to such a backend",
    ),
    KnownCrash(
        command="object-add",
        matches=_has("qom-type", "x-remote-object"),
        reason="it reads through a null pointer unless everything about the object is right",
    ),
    KnownCrash(
        command="pmemsave",
        matches=_is_negative,
        reason="it reads beyond its buffer, or writes without end, if the size is negative",
    ),
    KnownCrash(
        command="qom-list-properties",
        matches=_has("typename", "x-remote-object"),
        reason="it reads through a null pointer when it makes an instance of the type",
    ),
    KnownCrash(
        command="qom-list-properties",
        matches=_has("typename", "chardev-parallel", "filter-dump"),
        reason="it closes descriptor 0 when it has made an instance of the type",
    ),
    KnownCrash(
        command="qom-list-properties",
        matches=_has(
            "typename",
            "colo-compare",
            "memory-region-portio-list",
            "microvm-machine",
            "qio-net-listener",
        ),
        reason="it aborts when it has made an instance of the type",
        survivor=(11, 1),
    ),
    KnownCrash(
        command="qom-set",
        matches=_is_legacy,
        reason="it aborts unless the value is false",
        survivor=(11, 1),
    ),
    KnownCrash(
        command="transaction",
        matches=_enables_a_bitmap,
        reason="it writes through a null pointer if an action enables a bitmap that isn't there",
        since=(3, 0),
    ),
    KnownCrash(
        command="x-query-virtio-status",
        matches=_always,
        reason="it aborts",
        since=(10, 1),
    ),
    KnownCrash(
        command="xen-load-devices-state",
        matches=_always,
        reason="it aborts whenever the file can be opened",
    ),
    KnownCrash(
        command="xen-save-devices-state",
        matches=_is_live,
        reason="it aborts the second time, unless live is false",
        survivor=(10, 0),
    ),
)
"""All known ones."""

DEADLY_COMMANDS: Final = frozenset(each.command for each in KNOWN_CRASHES)
"""The commands with an input that is known to kill a release."""

_BY_COMMAND: Final = {
    name: [each for each in KNOWN_CRASHES if each.command == name] for name in DEADLY_COMMANDS
}
