"""The options that all programs with monitors share: devices, monitors, objects, background.

Spec: QEMU 7.2. An option may be repeated: the last one counts; but each ``-chardev``, ``-qmp`` and
the like creates one more device or monitor.
"""

import fcntl
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.chardev import parse_chardev
from qmpeer.chardev.key_values import read_number, split_key_values
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.options.command_line import MONITOR_OBJECTS, Flag, ReadArgument, accept_flag, set_to
from qmpeer.options.interface import load
from qmpeer.options.monitor_options import CONTROL, HUMAN, Mode, parse_mon, parse_monitor_device
from qmpeer.options.object_options import read_object
from qmpeer.options.program_options import ChardevOption, FdOption, ObjectOption, ProgramOptions
from qmpeer.options.set_option import parse_set, set_in_chardev, set_in_monitor
from qmpeer.options.start_error import StartHelp, prepend_warnings

_MON: Final = ("-mon", "--mon")
_MON_IS_DEPRECATED: Final = (
    "'-mon' is deprecated, use '-object' with 'monitor-hmp' or 'monitor-qmp' types instead"
)
_NUMBER: Final = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")


# Devices and monitors


def _chardev(options: ProgramOptions, option: str, argument: str) -> Sequence[str]:
    description = parse_chardev(argument, options.labels)
    if description.help and description.help_status:
        raise StartHelp(description.help, description.help_status)
    options.chardevs.append(
        ChardevOption(option=option, argument=argument, description=description)
    )
    return description.warnings


def _mon(options: ProgramOptions, option: str, argument: str) -> Sequence[str]:
    options.has_defaults = False
    deprecation: list[str] = []
    if options.has_monitor_objects and all(other.option not in _MON for other in options.monitors):
        deprecation.append(_MON_IS_DEPRECATED)
    with prepend_warnings(deprecation):
        monitor, warnings = parse_mon(option, argument, _monitor_ids(options))
    if options.has_monitor_objects and monitor.id is None:
        monitor = msgspec.structs.replace(monitor, id=f"compat_monitor{options.compat_monitors}")
        options.compat_monitors += 1
    options.monitors.append(monitor)
    return deprecation + warnings


def open_monitor_on(mode: Mode, *, is_pretty: bool = False) -> ReadArgument[ProgramOptions]:
    """Return the reader of an option that makes a device and a monitor of this mode on it."""

    def read(options: ProgramOptions, option: str, argument: str) -> None:
        options.has_defaults = False
        if mode == "readline" and argument.startswith("none"):  # QEMU compares the start only
            return
        description, monitor = parse_monitor_device(
            option,
            argument,
            mode=mode,
            is_pretty=is_pretty,
            number=options.compat_monitors,
            devices=options.labels,
            monitors=_monitor_ids(options),
        )
        options.compat_monitors += 1
        options.monitors.append(monitor)
        if description is not None:
            options.chardevs.append(
                ChardevOption(option=option, argument=argument, description=description)
            )

    return read


def _monitor_ids(options: ProgramOptions) -> list[str]:
    return [monitor.id for monitor in options.monitors if monitor.id is not None]


def _add_setting(options: ProgramOptions, option: str, argument: str) -> Sequence[str]:
    """Change the option that has the setting's id.

    Spec: QEMU: later errors name the option that was changed, not -set.
    """
    setting = parse_set(argument)
    if setting.group == "chardev":
        for at, chardev in enumerate(options.chardevs):
            if chardev.description.label == setting.id:
                changed, warnings = set_in_chardev(chardev.description, setting)
                options.chardevs[at] = msgspec.structs.replace(chardev, description=changed)
                return warnings
    if setting.group == "mon":
        for at, monitor in enumerate(options.monitors):
            if monitor.id == setting.id:
                options.monitors[at] = set_in_monitor(monitor, setting)
                return ()
    raise ChardevError(f'there is no {setting.group} "{setting.id}" defined')


def _object(options: ProgramOptions, option: str, argument: str) -> Sequence[str]:
    # Objects in JSON are left out: QEMU checks their ids only when it creates them.
    taken = [
        str(other.properties["id"])
        for other in options.objects
        if not other.argument.startswith("{")
    ]
    properties, warnings = read_object(argument, taken, load(options.has_monitor_objects))
    if properties["qom-type"] in (CONTROL, HUMAN):
        options.has_defaults = False
    options.objects.append(ObjectOption(argument=argument, properties=properties))
    return warnings


def _escape(options: ProgramOptions, option: str, argument: str) -> None:
    """Parse the code of -echr as strtol() does; a code that is no byte is never typed."""
    options.escape = 0
    found = _NUMBER.match(argument)
    if found is None:
        options.notices.append("Bad argument to echr")
        return
    digits = found[2]
    base = 16 if digits[1:2] in ("x", "X") else 8 if digits.startswith("0") else 10
    try:
        options.escape = int(found[1] + digits, base)
    except ValueError:
        pass  # such as 09: octal by its first digit, but no octal number


def _fd(options: ProgramOptions, option: str, argument: str) -> None:
    values = dict(split_key_values(argument))
    for key in values:
        if key not in ("fd", "set", "opaque"):
            raise ChardevError(qemu_texts.invalid(key))
    fd = read_number("fd", values["fd"]) if "fd" in values else -1
    set_id = read_number("set", values["set"]) if "set" in values else -1
    if not 0 <= fd < 1 << 31:
        raise ChardevError("fd option is required and must be non-negative")
    if fd <= 2:
        raise ChardevError("fd cannot be a standard I/O stream")
    # As in QEMU: an inherited descriptor can't have close-on-exec, so one that has it is our own.
    try:
        is_ours = bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
    except OSError:
        is_ours = True
    if is_ours:
        raise ChardevError("fd is not valid or already in use")
    if not 0 <= set_id < 1 << 31:
        raise ChardevError("set option is required and must be non-negative")
    opaque = values.get("opaque")
    options.fds.append(
        FdOption(option=option, argument=argument, fd=fd, set_id=set_id, opaque=opaque)
    )


# The network


def _origin(options: ProgramOptions, option: str, argument: str) -> None:
    options.origins.append(argument.rstrip("/").lower())  # as browsers write it


def _handshake_timeout(options: ProgramOptions, option: str, argument: str) -> None:
    if argument == "off":
        options.handshake_timeout = None
        return
    try:
        seconds = float(argument)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= limits.HANDSHAKE_TIMEOUT_MOST:
        raise ValueError(f"expected 'off', or seconds up to {limits.HANDSHAKE_TIMEOUT_MOST:.0f}")
    options.handshake_timeout = seconds


# The process


def _pid_file(options: ProgramOptions, option: str, argument: str) -> None:
    options.pid_file = argument


SHARED_FLAGS: Final[Mapping[str, Flag[ProgramOptions]]] = {
    "daemonize": set_to("is_daemon"),
    "insecure": set_to("is_insecure"),
    "h": set_to("wants_help"),
    "help": set_to("wants_help"),
    "version": set_to("wants_version"),
    "nodefaults": set_to("has_defaults", False),
    "no-user-config": accept_flag,
    MONITOR_OBJECTS: accept_flag,  # parse_words() has looked for it
}
SHARED_OPTIONS: Final[Mapping[str, ReadArgument[ProgramOptions]]] = {
    "chardev": _chardev,
    "mon": _mon,
    "qmp": open_monitor_on("control"),
    "qmp-pretty": open_monitor_on("control", is_pretty=True),
    "monitor": open_monitor_on("readline"),
    "object": _object,
    "set": _add_setting,
    "add-fd": _fd,
    "echr": _escape,
    "allow-origin": _origin,
    "handshake-timeout": _handshake_timeout,
    "pidfile": _pid_file,
}
