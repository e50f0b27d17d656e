"""The command line of ``qmpeer serve``: the parser of those QEMU options that it supports."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from qmpeer.chardev.key_values import (
    parse_key_values,
    read_boolean,
    read_structured,
    split_key_values,
)
from qmpeer.errors import ChardevError
from qmpeer.machine.options import Options, PortOption
from qmpeer.messages import qemu_texts
from qmpeer.options import (
    COMPANION_FLAGS,
    COMPANION_OPTIONS,
    FAULT_OPTIONS,
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ReadArgument,
    StartError,
    Warn,
    check_companions,
    open_monitor_on,
    parse_words,
    set_to,
    take_command,
)
from qmpeer.options.start_error import prepend_warnings
from qmpeer.schema import SPECIAL_FEATURES

_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_POLICIES: Final = {"input": ("accept", "reject", "crash"), "output": ("accept", "hide")}
_ACCELERATORS: Final = frozenset({"kvm", "qtest", "tcg"})


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
    options = Options()
    parse_words(
        options,
        arguments,
        flags=FLAGS,
        readers=OPTIONS,
        take_word=_refuse_image,
        warn=warn,
        take_command=take_command,
    )
    if options.wants_help or options.wants_version:
        return options
    if options.accelerator is not None and options.machine_accelerator is not None:
        reason = 'The -accel and "-machine accel=" options are incompatible'
        raise StartError("", None, reason)
    check_companions(options)
    if options.has_defaults and not options.makes_socket:
        _add_default_monitor(options)
    return options


def _refuse_image(options: Options, word: str) -> None:
    raise StartError(word, None, "this machine takes no disk images")


def _add_default_monitor(options: Options) -> None:
    """Add the default monitor, for a command line whose options make none.

    Spec: QEMU has a human monitor in its window, or with -nographic on standard input and output.
    [There is no window here, so it is always on standard input and output, except with
    -display none or -daemonize: then it is on a console that nobody sees, as in QEMU.]
    """
    if options.is_daemon and options.has_no_graphic:
        raise StartError("", None, "-nographic cannot be used with -daemonize")
    is_seen = options.has_no_graphic or not (options.has_display or options.is_daemon)
    open_monitor_on("readline")(options, "", "stdio" if is_seen else "vc:80Cx24C")


def _port(kind: str) -> ReadArgument[Options]:
    def read(options: Options, option: str, argument: str) -> None:
        if argument.startswith("mon:"):  # it brings a monitor, so the default one isn't added
            options.has_defaults = False
        options.ports.append(PortOption(option=option, argument=argument, kind=kind))

    return read


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


FLAGS: Final[dict[str, Flag[Options]]] = {
    **SHARED_FLAGS,
    **COMPANION_FLAGS,
    "S": set_to("is_stopped"),
    "singlestep": set_to("is_singlestep"),
    "nographic": set_to("has_no_graphic"),
}
OPTIONS: Final[dict[str, ReadArgument[Options]]] = {
    **SHARED_OPTIONS,
    **FAULT_OPTIONS,
    **COMPANION_OPTIONS,
    "serial": _port("serial"),
    "parallel": _port("parallel"),
    "name": _name,
    "uuid": _uuid,
    "machine": _machine,
    "M": _machine,
    "accel": _accel,
    "compat": _compat,
    "display": _display,
}
