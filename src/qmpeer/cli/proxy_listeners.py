"""The keys of listeners that only the proxy has: ``events=`` and ``extensions=``.

They stand among the keys of ``-qmp``, ``-qmp-pretty``, ``-mon`` and ``-object monitor-qmp``, and
are taken out before these options are read as in any other program.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from qmpeer.chardev.key_values import parse_key_values, read_boolean
from qmpeer.cli.guard_options import GuardOptions
from qmpeer.options import ProgramOptions, ReadArgument
from qmpeer.options.monitor_options import CONTROL
from qmpeer.proxy.event_terms import read_patterns

_EVENTS: Final = "events"
_EXTENSIONS: Final = "extensions"
_SINGLE_COMMA: Final = re.compile(r"(?<!,)(?:,,)*,(?!,)")
_MADE_LABEL: Final = re.compile(r"compat_monitor\d+")
LISTENERS_USAGE: Final = """\
further keys of -qmp, -qmp-pretty, -mon and -object monitor-qmp, for the clients that come in there:
  events=NAME:NAME... send them these events only; in a NAME * stands for any text; an empty list
                      means none
  extensions=on|off   let them use the proxy's own commands, whose names begin with __qmpeer_;
                      default off
"""


class ListenerKeys(msgspec.Struct, frozen=True):
    """The values of these keys.

    Attributes:
        events: The events that clients get; None for all.
        extensions: True if clients may use the proxy's own commands.
    """

    events: tuple[str, ...] | None = None
    extensions: bool = False


class ListenerOptions(GuardOptions, kw_only=True):
    """The options of a program whose listeners have these keys.

    Attributes:
        listeners: The keys, by the label of the listener's device.
    """

    listeners: dict[str, ListenerKeys] = msgspec.field(default_factory=dict)


def listener_name(options: ProgramOptions, label: str) -> str:
    """Return the name of a listener for people: the label of its device, if they have chosen it.

    Otherwise that is the device as ``-qmp`` names it, unless its port is chosen later.
    """
    if _MADE_LABEL.fullmatch(label):
        for each in options.chardevs:
            path = each.description.values.get("path")
            device = f"unix:{path}" if path else each.argument.split(",", 1)[0]
            if each.description.label == label and not device.endswith(":0"):
                return device
    return label


def with_listener_keys(read: ReadArgument[ProgramOptions]) -> ReadArgument[ListenerOptions]:
    """Return a reader of an option that makes a monitor, for which these keys are taken out."""

    def read_rest(options: ListenerOptions, option: str, argument: str) -> Sequence[str] | None:
        rest, keys = _take_keys(argument, has_device=option.strip("-").startswith("qmp"))
        if keys is None:
            return read(options, option, argument)
        chardevs = len(options.chardevs)
        warnings = read(options, option, rest)
        monitor = options.monitors[-1]
        options.monitors[-1] = msgspec.structs.replace(monitor, argument=argument)
        for at in range(chardevs, len(options.chardevs)):
            named = msgspec.structs.replace(options.chardevs[at], argument=argument)
            options.chardevs[at] = named
        if monitor.chardev is not None:
            options.listeners[monitor.chardev] = keys
        return warnings

    return read_rest


def with_object_keys(read: ReadArgument[ProgramOptions]) -> ReadArgument[ListenerOptions]:
    """Return a reader of ``-object``, for which these keys of a QMP monitor are taken out."""

    def read_rest(options: ListenerOptions, option: str, argument: str) -> Sequence[str] | None:
        pairs = parse_key_values(argument, implied_key="qom-type")
        if not any(pair[:2] == ("qom-type", CONTROL) for pair in pairs):
            return read(options, option, argument)
        rest, keys = _take_keys(argument, has_device=True)
        warnings = read(options, option, rest)
        made = options.objects[-1]
        options.objects[-1] = msgspec.structs.replace(made, argument=argument)
        if keys is not None:
            options.listeners[str(made.properties.get("chardev"))] = keys
        return warnings

    return read_rest


def _take_keys(argument: str, *, has_device: bool) -> tuple[str, ListenerKeys | None]:
    """Return an argument without these keys, and their values; None if there are none.

    Args:
        argument: The argument.
        has_device: True if its first part is a device or a type, even if it looks like a key.
    """
    rest: list[str] = []
    found: dict[str, str] = {}
    for part in _parts(argument):
        key, equals, value = part.partition("=")
        if key in (_EVENTS, _EXTENSIONS) and equals and (rest or not has_device):
            found[key] = value
        else:
            rest.append(part)
    if not found:
        return argument, None
    keys = ListenerKeys(
        _patterns(found[_EVENTS]) if _EVENTS in found else None,
        _EXTENSIONS in found and read_boolean(_EXTENSIONS, found[_EXTENSIONS]),
    )
    return ",".join(rest), keys


def _parts(argument: str) -> list[str]:
    """Split an argument at its commas; a comma that is written twice belongs to a value."""
    parts, start = list[str](), 0
    for found in _SINGLE_COMMA.finditer(argument):
        parts.append(argument[start : found.end() - 1])
        start = found.end()
    return [*parts, argument[start:]]


def _patterns(value: str) -> tuple[str, ...]:
    return read_patterns(value.split(":") if value else [])
