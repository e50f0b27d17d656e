"""The command line of a fake QEMU: what opens monitors and ports is parsed, the rest is accepted.

Spec: QEMU 7.2. [Options about the guest's hardware are accepted with any argument.]
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from qmpeer.chardev.key_values import parse_key_values, read_json
from qmpeer.errors import QMPError
from qmpeer.fake_qemu.qemu_options import FLAGS, OTHER_FLAGS, OTHER_WITH_ARGUMENT, WITH_ARGUMENT
from qmpeer.machine.command_line import FLAGS as MACHINE_FLAGS
from qmpeer.machine.command_line import OPTIONS as MACHINE_OPTIONS
from qmpeer.machine.options import Options
from qmpeer.options import (
    SHARED_FLAGS,
    SHARED_OPTIONS,
    Flag,
    ReadArgument,
    StartError,
    Warn,
    accept_flag,
    open_monitor_on,
    parse_words,
    set_to,
)
from qmpeer.options.interface import load
from qmpeer.options.monitor_options import CONTROL, HUMAN
from qmpeer.options.object_options import object_types
from qmpeer.options.set_option import parse_set

_UNSEEN: Final = "vc:80Cx24C"
_OTHER_CHARDEVS: Final = frozenset({"braille", "dbus", "spiceport", "spicevmc"})
"""Types of character devices that other builds of QEMU have; here they are silent."""
_SERIAL_PORTS: Final = frozenset(
    {"isa-serial", "pci-serial", "sclpconsole", "spapr-vty", "usb-serial", "virtconsole"}
)
"""Devices whose character device carries the guest's console."""
_SETTABLE: Final = ("chardev", "mon")


class FakeOptions(Options, kw_only=True):
    """The options of one command line.

    Attributes:
        has_default_ports: True unless an option turned the default serial port off.
        log_file: The path of -D, or None.
        consoles: The ids of the character devices of serial ports given by -device.
        stays: True if the process stays when the guest shuts down (-no-shutdown).
    """

    has_default_ports: bool = True
    log_file: str | None = None
    consoles: list[str] = msgspec.field(default_factory=list)
    stays: bool = False

    @property
    def console(self) -> str | None:
        """The label of the first serial port's character device, or None."""
        for port in self.ports:
            if port.kind == "serial":
                if port.argument.startswith("chardev:"):
                    return port.argument.removeprefix("chardev:")
                return None if port.argument == "none" else "serial0"
        return self.consoles[0] if self.consoles else None


def parse_options(arguments: Sequence[str], warn: Warn = lambda text: None) -> FakeOptions:
    """Parse a command line, without the program's name.

    Args:
        arguments: The command line.
        warn: Called with each of QEMU's warnings, as soon as it is found.

    Raises:
        StartError: At the first option that QEMU hasn't, or whose argument is wrong.
        StartHelp: If an option asks for help.
    """
    options = FakeOptions()
    parse_words(
        options, arguments, flags=_FLAGS, readers=_OPTIONS, take_word=_take_image, warn=warn
    )
    _add_defaults(options)
    return options


def _take_image(options: FakeOptions, word: str) -> None:
    """Accept a disk image."""


def _add_defaults(options: FakeOptions) -> None:
    """Add the monitor and the ports that QEMU has if no option makes or refuses them.

    Spec: QEMU: with -nographic they are on standard input and output, otherwise in the window.
    [Ports in the window are left out, as nobody sees them.]
    """
    has_port, has_monitor = options.has_default_ports, options.has_defaults
    if options.has_no_graphic:
        if options.is_daemon and (has_port or has_monitor):
            raise StartError("", None, "-nographic cannot be used with -daemonize")
        if has_port:
            device = "mon:stdio" if has_monitor else "stdio"
            MACHINE_OPTIONS["serial"](options, "", device)
            has_monitor = False
    if has_monitor:
        open_monitor_on("readline")(options, "", "stdio" if options.has_no_graphic else _UNSEEN)


def _no_defaults(options: FakeOptions) -> None:
    options.has_defaults = options.has_default_ports = False


def _serial(options: FakeOptions, option: str, argument: str) -> None:
    options.has_default_ports = False
    MACHINE_OPTIONS["serial"](options, option, argument)


def _device(options: FakeOptions, option: str, argument: str) -> None:
    """Take note of serial ports. Spec: QEMU then adds no serial port of its own."""
    try:
        if argument.startswith("{"):
            values = {key: str(value) for key, value in read_json(argument).items()}
        else:
            pairs = parse_key_values(argument, implied_key="driver")
            values = {pair.key: pair.value for pair in pairs}
    except QMPError:  # QEMU would refuse it; it isn't ours to judge
        return
    if values.get("driver") in _SERIAL_PORTS and "chardev" in values:
        options.has_default_ports = False
        options.consoles.append(values["chardev"])


def _chardev(options: FakeOptions, option: str, argument: str) -> Sequence[str] | None:
    pairs = parse_key_values(argument, implied_key="backend")
    values = {pair.key: pair.value for pair in pairs}
    if values.get("backend") in _OTHER_CHARDEVS and "id" in values:
        argument = f"null,id={values['id']}"
    return SHARED_OPTIONS["chardev"](options, option, argument)


def _object(options: FakeOptions, option: str, argument: str) -> Sequence[str] | None:
    """Read objects that are about connections or are monitors; accept all others."""
    if argument.startswith("{"):
        kind = read_json(argument).get("qom-type")
    else:
        pairs = parse_key_values(argument, implied_key="qom-type")
        kind = next((pair.value for pair in pairs if pair.key == "qom-type"), "")
    if kind in (CONTROL, HUMAN):
        options.has_monitor_objects = True
    elif kind not in object_types(load()):
        return None
    return SHARED_OPTIONS["object"](options, option, argument)


def _set(options: FakeOptions, option: str, argument: str) -> Sequence[str] | None:
    if parse_set(argument).group not in _SETTABLE:
        return None
    return SHARED_OPTIONS["set"](options, option, argument)


def _log_file(options: FakeOptions, option: str, argument: str) -> None:
    options.log_file = argument


def _accept(options: FakeOptions, option: str, argument: str) -> None:
    """Accept an option about the guest."""


_READ_FLAGS: Final = ("daemonize", "no-user-config")
_READ_OPTIONS: Final = ("mon", "qmp", "qmp-pretty", "monitor", "add-fd", "echr", "pidfile")
_FLAGS: Final[Mapping[str, Flag[FakeOptions]]] = {
    **dict.fromkeys((*FLAGS, *OTHER_FLAGS), accept_flag),
    **{name: SHARED_FLAGS[name] for name in _READ_FLAGS},
    **{name: MACHINE_FLAGS[name] for name in ("S", "singlestep", "nographic")},
    "nodefaults": _no_defaults,
    "no-shutdown": set_to("stays"),
}
_OPTIONS: Final[Mapping[str, ReadArgument[FakeOptions]]] = {
    **dict.fromkeys((*WITH_ARGUMENT, *OTHER_WITH_ARGUMENT), _accept),
    **{name: SHARED_OPTIONS[name] for name in _READ_OPTIONS},
    **{name: MACHINE_OPTIONS[name] for name in ("parallel", "name", "uuid", "compat")},
    "chardev": _chardev,
    "object": _object,
    "set": _set,
    "serial": _serial,
    "device": _device,
    "D": _log_file,
}
