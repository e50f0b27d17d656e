"""The command line of ``qmpeer serve``: which of QEMU's options it takes, and what they say.

Options start with one dash or two and mean the same. The last of a repeated option counts, but
``-qmp`` and ``-qmp-pretty`` each add a monitor.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from qmpeer.machine.compat_monitors import CompatMonitor, parse_compat_monitor
from qmpeer.machine.key_values import read_boolean, read_structured, split_key_values
from qmpeer.schema import Policy

_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_POLICIES: Final = {"input": ("accept", "reject", "crash"), "output": ("accept", "hide")}
_ACCELERATORS: Final = frozenset({"kvm", "qtest", "tcg"})

USAGE: Final = """\
usage: qmpeer serve [options]

Starts a machine without a guest and answers QMP as QEMU 7.2 does.
Options are QEMU's, with one dash or two:

  -qmp DEV            a monitor on DEV, one JSON value a line
  -qmp-pretty DEV     the same, indented
                      DEV is tcp:HOST:PORT[,OPTS], unix:PATH[,OPTS] or stdio
                      OPTS: server[=on|off]   listen (else connect)
                            wait=on|off       start only when a client is there; default on
                            nowait            the same as wait=off
                            nodelay           accepted; small messages are never held back
  -S                  start with the guest stopped
  -name [guest=]NAME  name of the guest, for query-name
  -uuid UUID          identity of the guest, for query-uuid
  -pidfile FILE       write the process id to FILE, remove it at the end
  -daemonize          go on in the background once the monitors listen
  -machine none       the only machine there is; -M is the same
  -compat WHAT=HOW    refuse or hide what clients had better not use; WHAT is deprecated-input
                      or unstable-input with accept, reject or crash, deprecated-output or
                      unstable-output with accept or hide
  -accel NAME         tcg, kvm or qtest; there is no guest to accelerate
  -display none       the only display there is; -nographic is the same
  -nodefaults, -no-user-config, -monitor none
                      accepted; there is nothing to leave out
  --insecure          listen for TCP on other addresses than this host's own loopback,
                      where anyone who reaches the port controls the machine
  -h, --help          this text
  -version            the version

The environment's QMPEER_LOOP chooses the event loop: uvloop or asyncio.
Exit status: 0 after quit, SIGTERM or SIGINT; 1 if it couldn't start.
"""


class StartError(Exception):
    """Tell why the machine can't start.

    Attributes:
        option: The option at fault as it was spelled, "" if it is none of them.
        argument: Its argument, None if it has none.
        reason: What is wrong, in QEMU's words where QEMU has any.
    """

    def __init__(self, option: str, argument: str | None, reason: str) -> None:
        super().__init__(option, argument, reason)
        self.option = option
        self.argument = argument
        self.reason = reason

    def __str__(self) -> str:
        where = self.option if self.argument is None else f"{self.option} {self.argument}"
        text = f"{where}: {self.reason}" if where else self.reason
        return text.replace("\n", " ")


class Options(msgspec.Struct, kw_only=True):
    """Hold what the command line asked for.

    Attributes:
        guest_name: For query-name; None if the guest has none.
        guest_uuid: For query-uuid.
        is_stopped: Whether the guest waits for cont (-S).
        policy: What is done about what is deprecated or unstable (-compat).
    """

    monitors: list[CompatMonitor] = []
    guest_name: str | None = None
    guest_uuid: str = "00000000-0000-0000-0000-000000000000"
    is_stopped: bool = False
    pid_file: str | None = None
    is_daemon: bool = False
    is_insecure: bool = False
    accelerator: str | None = None
    machine_accelerator: str | None = None
    policy: Policy = Policy()
    wants_help: bool = False
    wants_version: bool = False


def parse_options(arguments: Sequence[str]) -> Options:
    """Read a command line, without the program's name.

    Parsing ends at -h or -version.

    Raises:
        StartError: At the first option that is unknown or that can't be done here.
    """
    options = Options()
    rest = iter(arguments)
    for word in rest:
        if not word.startswith("-"):
            raise StartError(word, None, "this machine takes no disk images")
        name = word[2:] if word.startswith("--") else word[1:]
        if name in _FLAGS:
            _FLAGS[name](options)
        elif name in _OPTIONS:
            _read_argument(options, word, _OPTIONS[name], rest)
        else:
            raise StartError(word, None, "invalid option")
        if options.wants_help or options.wants_version:
            return options
    if options.is_daemon:
        _check_no_stdio(options)
    if options.accelerator is not None and options.machine_accelerator is not None:
        reason = 'The -accel and "-machine accel=" options are incompatible'
        raise StartError("", None, reason)
    return options


def _check_no_stdio(options: Options) -> None:
    for monitor in options.monitors:
        if monitor.kind == "stdio":
            reason = "cannot use stdio with -daemonize"
            raise StartError(monitor.option, monitor.argument, reason)


Flag = Callable[[Options], None]
Reader = Callable[[Options, str, str], None]


def _read_argument(options: Options, word: str, reader: Reader, rest: Iterator[str]) -> None:
    argument = next(rest, None)
    if argument is None:
        raise StartError(word, None, "requires an argument")
    try:
        reader(options, word, argument)
    except ValueError as error:
        raise StartError(word, argument, str(error)) from error


def _nothing(options: Options) -> None:
    """Take an option that leaves out what isn't here anyway."""


def _set(name: str) -> Flag:
    return lambda options: setattr(options, name, True)


def _monitor(is_pretty: bool) -> Reader:
    def read(options: Options, option: str, argument: str) -> None:
        label = f"compat_monitor{len(options.monitors)}"
        monitor = parse_compat_monitor(option, argument, label=label, is_pretty=is_pretty)
        if monitor.kind == "stdio" and any(m.kind == "stdio" for m in options.monitors):
            raise ValueError("cannot use stdio by multiple character devices")
        options.monitors.append(monitor)

    return read


def _human_monitor(options: Options, option: str, argument: str) -> None:
    if argument != "none":
        raise ValueError("this machine doesn't have the human monitor yet, only 'none'")


def _name(options: Options, option: str, argument: str) -> None:
    for key, value in split_key_values(argument, implied_key="guest"):
        if key == "guest":
            options.guest_name = value
        elif key == "debug-threads":
            read_boolean(key, value)
        elif key != "process":
            raise ValueError(f"Invalid parameter '{key}'")


def _uuid(options: Options, option: str, argument: str) -> None:
    if not _UUID.fullmatch(argument):
        raise ValueError("failed to parse UUID string: wrong format")
    options.guest_uuid = argument.lower()


def _pid_file(options: Options, option: str, argument: str) -> None:
    options.pid_file = argument


def _compat(options: Options, option: str, argument: str) -> None:
    given = read_structured(argument)
    for key, value in given.items():
        what, _, way = key.rpartition("-")
        if what not in ("deprecated", "unstable") or way not in _POLICIES:
            raise ValueError(f"Parameter '{key}' is unexpected")
        if not isinstance(value, str):
            raise ValueError(f"Invalid parameter type for '{key}', expected: string")
        if value not in _POLICIES[way]:
            raise ValueError(f"Parameter '{key}' does not accept value '{value}'")
        options.policy = msgspec.structs.replace(options.policy, **{f"{what}_{way}": value})


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
    """Take "kvm:tcg" as QEMU does: the first that there is."""
    for name in names.split(":"):
        if name in _ACCELERATORS:
            return name
    raise ValueError(f"invalid accelerator {names}")


def _display(options: Options, option: str, argument: str) -> None:
    (_, name), *others = split_key_values(argument, implied_key="type") or [("type", "")]
    if name != "none":
        raise ValueError(f"Parameter 'type' does not accept value '{name}'")
    if others:
        raise ValueError(f"Parameter '{others[0][0]}' is unexpected")


_FLAGS: Final[dict[str, Flag]] = {
    "S": _set("is_stopped"),
    "daemonize": _set("is_daemon"),
    "insecure": _set("is_insecure"),
    "h": _set("wants_help"),
    "help": _set("wants_help"),
    "version": _set("wants_version"),
    "nodefaults": _nothing,
    "no-user-config": _nothing,
    "nographic": _nothing,
}
_OPTIONS: Final[dict[str, Reader]] = {
    "qmp": _monitor(is_pretty=False),
    "qmp-pretty": _monitor(is_pretty=True),
    "monitor": _human_monitor,
    "name": _name,
    "uuid": _uuid,
    "pidfile": _pid_file,
    "machine": _machine,
    "M": _machine,
    "accel": _accel,
    "compat": _compat,
    "display": _display,
}
