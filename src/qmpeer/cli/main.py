"""The entry point: the choice of a subcommand, and an exit status for every way it can end."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from qmpeer import __version__
from qmpeer.cli.exits import BROKEN_PIPE, INTERRUPTED, UsageError, status_of

if TYPE_CHECKING:
    from qmpeer.cli.command_line import Subcommand, VerbGroup

SUBCOMMANDS: Final = {
    "serve": ("[QEMU options]", "run a machine that answers QMP"),
    "relay": ("ADDRESS [QEMU options]", "pass every byte between clients and a server"),
    "record": ("ADDRESS -o FILE [QEMU options]", "do the same, and record what passes"),
    "proxy": ("ADDRESS [QEMU options]", "serve many clients on one monitor"),
    "policy": ("explain|test|presets ...", "explain and test who may do what"),
    "audit": ("show|verify|key FILE", "show and verify who did what through a proxy"),
    "mcp": ("ADDRESS [--policy FILE] [--http HOST:PORT]", "give an assistant a machine"),
    "replay": ("FILE... [QEMU options]", "answer clients as a recorded server did"),
    "fake": ("SCRIPT [QEMU options]", "answer clients as a script says"),
    "fake-qemu": ("--install DIR [--script FILE]", "put a fake QEMU into a folder for PATH"),
    "exec": ("ADDRESS COMMAND [name=value ...]", "execute one command"),
    "events": ("ADDRESS [NAME|REGEX ...]", "show events as they arrive"),
    "shell": ("ADDRESS", "open a prompt, or run a script (also: qmp-shell)"),
    "info": ("ADDRESS", "show a summary of the machine"),
    "jobs": ("ADDRESS [ID ...] [--wait]", "show the progress of jobs and migration"),
    "ga": ("ADDRESS VERB ...", "run a guest-agent command"),
    "qom": ("ADDRESS tree|list|get|set ...", "show and change the machine's QOM objects"),
    "plug": ("ADDRESS DRIVER [name=value ...]", "plug a device, with its backends"),
    "unplug": ("ADDRESS ID", "unplug a device, and remove its backends"),
    "type": ("ADDRESS TEXT [--press KEYS]", "type on the guest's keyboard"),
    "click": ("ADDRESS X Y", "move the guest's pointer, and click"),
    "screenshot": ("ADDRESS [FILE] [--watch]", "save the guest's screen as a picture"),
    "top": ("ADDRESS", "show the load of CPUs, disks and NICs, live"),
    "conformance": ("ADDRESS | -- COMMAND", "hold a server or an agent to the protocol"),
    "schema": ("dump|diff|has|lint ...", "show, compare, query or check schemas"),
    "transcript": ("check|convert ...", "check and convert recorded conversations"),
    "bindings": ("--from SOURCE [-o FILE]", "write a schema's typed Python binding"),
    "docs": (
        "--from SOURCE --format F -o DIR",
        "write a schema's reference (md, man, sphinx, html)",
    ),
    "completion": ("bash|zsh|fish", "write a completion script for a shell"),
    "man": ("-o DIR", "write manual pages"),
}
"""The subcommands: name, arguments and description. Each is in ``qmpeer.cli.NAME_command``."""
_USAGE: Final = """\
usage: qmpeer SUBCOMMAND ...

QMP, the QEMU Machine Protocol, from the command line.

{subcommands}
  qmpeer --version
  qmpeer --help                                  this text; each subcommand has its own

An ADDRESS is unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, ws://HOST:PORT, wss://HOST:PORT,
vsock:CID:PORT or fd:N. Without such a prefix it is a path if it contains "/", else HOST:PORT if it
ends in ":" and digits, else a path. "?dir=FOLDER" at the end of a tls: or wss: address names the
folder of the certificates, laid out as for QEMU.
"""


class RawSubcommand(NamedTuple):
    """A subcommand that parses its own words, such as serve, whose options are QEMU's.

    Attributes:
        about: Its description.
        run: Runs it with the words after its name, and returns the exit status.
        usage: The text of its --help, from which completion and man page are made.
        positionals: The names in --help of its positional arguments.
    """

    about: str
    run: Callable[[Sequence[str]], int]
    usage: str
    positionals: Sequence[str] = ()


def subcommand(name: str) -> "Subcommand | VerbGroup | RawSubcommand":
    """Import the module of one of `SUBCOMMANDS`, and no other, and return the subcommand."""
    found: Subcommand | VerbGroup | RawSubcommand = import_module(
        f"qmpeer.cli.{name.replace('-', '_')}_command"
    ).COMMAND
    return found


def usage() -> str:
    """Return the text of --help."""
    lines = (
        f"  {f'qmpeer {name} {behind}':46} {text}" for name, (behind, text) in SUBCOMMANDS.items()
    )
    return _USAGE.format(subcommands="\n".join(lines))


def main(argv: Sequence[str] | None = None, *, program: str | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The words without the program's name; by default those of the process.
        program: The program's name in errors; by default qmpeer with the subcommand.
    """
    _hold_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    program = program or (f"qmpeer {name}" if name in SUBCOMMANDS else "qmpeer")
    try:
        try:
            status = _run(name, words[1:])
        except SystemExit as end:  # raised by argparse after --help
            status = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()  # here, so that its errors get an exit status below
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:
        return status_of(program, error)
    finally:
        _discard_unwritten()


def _hold_closed_streams() -> None:
    """Open the null device in place of streams that were closed from the start.

    Otherwise the next socket would get the number of a standard stream, and errors written to
    that stream would reach the server.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # open() takes the lowest free number, which is this stream's, as we go from 0 to 2.
            fd = os.open(os.devnull, os.O_RDWR)
            if name != "stdin":  # stays None: subcommands that read it must see that it is closed
                setattr(sys, name, open(fd, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def _discard_unwritten() -> None:
    """Discard output that can't be written; the interpreter's last flush would exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(name: str, words: list[str]) -> int:
    if name in SUBCOMMANDS:
        return subcommand(name).run(words)
    if name in ("-h", "--help", "help"):
        sys.stdout.write(usage())
        return 0
    if name in ("--version", "-version", "-V"):
        sys.stdout.write(f"qmpeer {__version__}\n")
        return 0
    expected = ", ".join(SUBCOMMANDS)
    found = f"found {name!r}" if name else "found no subcommand"
    raise UsageError(f"{found}, expected one of {expected}")
