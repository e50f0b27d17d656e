"""The command line of ``qmpeer serve``: the parser of those QEMU options that it supports.

Options may begin with one dash or two. If an option is repeated, the last one counts; but each
``-chardev``, ``-qmp`` and the like creates one more device or monitor. All options are parsed
before anything is created.
"""

import fcntl
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.chardev import parse_chardev
from qmpeer.chardev.key_values import (
    parse_key_values,
    read_boolean,
    read_number,
    read_structured,
    split_key_values,
)
from qmpeer.errors import ChardevError
from qmpeer.machine.interface import load
from qmpeer.machine.monitor_options import CONTROL, HUMAN, Mode, parse_mon, parse_monitor_device
from qmpeer.machine.object_options import read_object
from qmpeer.machine.options import ChardevOption, FdOption, ObjectOption, Options, PortOption
from qmpeer.machine.set_option import parse_set, set_in_chardev, set_in_monitor
from qmpeer.machine.start_error import StartError, StartHelp, notice, prepend_warnings
from qmpeer.messages import qemu_texts
from qmpeer.schema import SPECIAL_FEATURES

_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_POLICIES: Final = {"input": ("accept", "reject", "crash"), "output": ("accept", "hide")}
_ACCELERATORS: Final = frozenset({"kvm", "qtest", "tcg"})
_MON: Final = ("-mon", "--mon")
_MON_IS_DEPRECATED: Final = (
    "'-mon' is deprecated, use '-object' with 'monitor-hmp' or 'monitor-qmp' types instead"
)
_MONITOR_OBJECTS: Final = "monitor-objects"
_NUMBER: Final = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+)")


Warn = Callable[[str], None]


def parse_options(arguments: Sequence[str], warn: Warn = lambda text: None) -> Options:
    """Parse a command line, without the program's name.

    Parsing ends at -h or -version.

    Args:
        arguments: The command line.
        warn: Called with each of QEMU's warnings, as soon as it is found.

    Raises:
        StartError: At the first option that is unknown or not supported here.
        StartHelp: If an option asks for help.
    """
    options = Options(has_monitor_objects=_asks_for_monitor_objects(arguments))
    rest = iter(arguments)
    for word in rest:
        if not word.startswith("-"):
            raise StartError(word, None, "this machine takes no disk images")
        name = _name_of(word)
        if name in _FLAGS:
            _FLAGS[name](options)
        elif name in _OPTIONS:
            _read_argument(options, word, _OPTIONS[name], rest, warn)
        else:
            raise StartError(word, None, "invalid option")
        if options.wants_help or options.wants_version:  # as QEMU: later options aren't checked
            return options
    if options.accelerator is not None and options.machine_accelerator is not None:
        reason = 'The -accel and "-machine accel=" options are incompatible'
        raise StartError("", None, reason)
    if options.has_defaults:
        _add_default_monitor(options)
    return options


def _name_of(word: str) -> str:
    """Return an option without its dashes."""
    return word[2:] if word.startswith("--") else word[1:]


def _asks_for_monitor_objects(arguments: Sequence[str]) -> bool:
    """Look for --monitor-objects, which affects the options before it, too."""
    rest = iter(arguments)
    for word in rest:
        if word.startswith("-"):
            if (name := _name_of(word)) == _MONITOR_OBJECTS:
                return True
            if name in _OPTIONS:
                next(rest, None)
    return False


def _add_default_monitor(options: Options) -> None:
    """Add the default monitor, for a command line whose options make none.

    Spec: QEMU has a human monitor in its window, or with -nographic on standard input and output.
    [There is no window here, so it is always on standard input and output, except with
    -display none or -daemonize: then it is on a console that nobody sees, as in QEMU.]
    """
    if options.is_daemon and options.has_no_graphic:
        raise StartError("", None, "-nographic cannot be used with -daemonize")
    is_seen = options.has_no_graphic or not (options.has_display or options.is_daemon)
    _monitor("readline")(options, "", "stdio" if is_seen else "vc:80Cx24C")


Flag = Callable[[Options], None]
"""Records an option without an argument."""
ReadArgument = Callable[[Options, str, str], Sequence[str] | None]
"""Records an option, given as it was spelled, and its argument; returns QEMU's warnings."""


def _read_argument(
    options: Options, word: str, reader: ReadArgument, rest: Iterator[str], warn: Warn
) -> None:
    argument = next(rest, None)
    if argument is None:
        raise StartError(word, None, "requires an argument")
    try:
        warnings = reader(options, word, argument)
    except ValueError as error:
        raise StartError.of(word, argument, error) from error
    for warning in warnings or ():
        warn(notice(word, argument, f"warning: {warning}"))


def _nothing(options: Options) -> None:
    """Accept an option that turns off something that this machine never has."""


def _set(name: str, value: object = True) -> Flag:
    return lambda options: setattr(options, name, value)


# Devices and monitors


def _chardev(options: Options, option: str, argument: str) -> Sequence[str]:
    description = parse_chardev(argument, options.labels)
    if description.help and description.help_status:
        raise StartHelp(description.help, description.help_status)
    options.chardevs.append(
        ChardevOption(option=option, argument=argument, description=description)
    )
    return description.warnings


def _mon(options: Options, option: str, argument: str) -> Sequence[str]:
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


def _monitor(mode: Mode, *, is_pretty: bool = False) -> ReadArgument:
    def read(options: Options, option: str, argument: str) -> None:
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


def _monitor_ids(options: Options) -> list[str]:
    return [monitor.id for monitor in options.monitors if monitor.id is not None]


def _add_setting(options: Options, option: str, argument: str) -> Sequence[str]:
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


def _port(kind: str) -> ReadArgument:
    def read(options: Options, option: str, argument: str) -> None:
        if argument.startswith("mon:"):  # it brings a monitor, so the default one isn't added
            options.has_defaults = False
        options.ports.append(PortOption(option=option, argument=argument, kind=kind))

    return read


def _object(options: Options, option: str, argument: str) -> Sequence[str]:
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


def _escape(options: Options, option: str, argument: str) -> None:
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


def _fd(options: Options, option: str, argument: str) -> None:
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


def _origin(options: Options, option: str, argument: str) -> None:
    options.origins.append(argument.rstrip("/").lower())  # as browsers write it


def _handshake_timeout(options: Options, option: str, argument: str) -> None:
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


# The guest


def _name(options: Options, option: str, argument: str) -> Sequence[str]:
    warnings: list[str] = []
    for pair in parse_key_values(argument, implied_key="guest"):
        if pair.warning is not None:
            warnings.append(pair.warning)
        with prepend_warnings(warnings):
            if pair.key == "guest":
                options.guest_name = pair.value
            elif pair.key == "debug-threads":
                read_boolean(pair.key, pair.value)
            elif pair.key != "process":
                raise ChardevError(qemu_texts.invalid(pair.key))
    return warnings


def _uuid(options: Options, option: str, argument: str) -> None:
    if not _UUID.fullmatch(argument):
        raise ValueError("failed to parse UUID string: wrong format")
    options.guest_uuid = argument.lower()


def _pid_file(options: Options, option: str, argument: str) -> None:
    options.pid_file = argument


def _compat(options: Options, option: str, argument: str) -> None:
    for key, value in read_structured(argument).items():
        feature, _, direction = key.rpartition("-")
        if feature not in SPECIAL_FEATURES or direction not in _POLICIES:
            raise ValueError(qemu_texts.unexpected(key))
        if not isinstance(value, str):
            raise ValueError(qemu_texts.wrong_type(key, "string"))
        if value not in _POLICIES[direction]:
            raise ValueError(qemu_texts.not_accepted(key, value))
        options.policy = msgspec.structs.replace(
            options.policy, **{f"{feature}_{direction}": value}
        )


def _machine(options: Options, option: str, argument: str) -> None:
    for key, value in split_key_values(argument, implied_key="type"):
        if key == "accel":
            options.machine_accelerator = _known_accelerator(value)
        elif key != "type":
            raise ValueError(f"Property 'none-machine.{key}' not found")
        elif value != "none":
            raise ValueError("unsupported machine type (only 'none' is built in)")


def _accel(options: Options, option: str, argument: str) -> None:
    (_, name), *_ = split_key_values(argument, implied_key="accel") or [("accel", "")]
    options.accelerator = _known_accelerator(name)


def _known_accelerator(names: str) -> str:
    """Return the first accelerator that exists, as QEMU does for "kvm:tcg"."""
    for name in names.split(":"):
        if name in _ACCELERATORS:
            return name
    raise ValueError(f"invalid accelerator {names}")


def _display(options: Options, option: str, argument: str) -> None:
    (_, name), *others = split_key_values(argument, implied_key="type") or [("type", "")]
    if name != "none":
        raise ValueError(qemu_texts.not_accepted("type", name))
    options.has_display = True
    if others:
        raise ValueError(qemu_texts.unexpected(others[0][0]))


_FLAGS: Final[dict[str, Flag]] = {
    "S": _set("is_stopped"),
    "daemonize": _set("is_daemon"),
    "insecure": _set("is_insecure"),
    "singlestep": _set("is_singlestep"),
    "h": _set("wants_help"),
    "help": _set("wants_help"),
    "version": _set("wants_version"),
    "nodefaults": _set("has_defaults", False),
    "no-user-config": _nothing,
    "nographic": _set("has_no_graphic"),
    _MONITOR_OBJECTS: _nothing,  # parse_options() has looked for it
}
_OPTIONS: Final[dict[str, ReadArgument]] = {
    "chardev": _chardev,
    "mon": _mon,
    "qmp": _monitor("control"),
    "qmp-pretty": _monitor("control", is_pretty=True),
    "monitor": _monitor("readline"),
    "serial": _port("serial"),
    "parallel": _port("parallel"),
    "object": _object,
    "set": _add_setting,
    "add-fd": _fd,
    "echr": _escape,
    "allow-origin": _origin,
    "handshake-timeout": _handshake_timeout,
    "name": _name,
    "uuid": _uuid,
    "pidfile": _pid_file,
    "machine": _machine,
    "M": _machine,
    "accel": _accel,
    "compat": _compat,
    "display": _display,
}
