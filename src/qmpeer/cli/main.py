"""The entry: which subcommand it is, and how the process ends whatever happens in it."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple

from qmpeer import __version__
from qmpeer.cli.exits import BROKEN_PIPE, INTERRUPTED, UsageError, status_of

if TYPE_CHECKING:
    from qmpeer.cli.command_line import Subcommand, Verbs

SUBCOMMANDS: Final = {
    "serve": ("[QEMU options]", "a machine that answers QMP"),
    "exec": ("ADDRESS COMMAND [name=value ...]", "execute one command"),
    "events": ("ADDRESS [NAME|REGEX ...]", "show events as they come"),
    "shell": ("ADDRESS", "a prompt, or a script; also called qmp-shell"),
    "info": ("ADDRESS", "what machine is this, at one look"),
    "jobs": ("ADDRESS [ID ...] [--wait]", "progress of jobs and migration"),
    "ga": ("ADDRESS VERB ...", "run a guest-agent command"),
    "qom": ("ADDRESS tree|list|get|set ...", "the objects that a machine is made of"),
    "screenshot": ("ADDRESS [FILE]", "what the guest shows, as a picture"),
    "top": ("ADDRESS", "what its CPUs, disks and NICs do, live"),
    "schema": ("dump|diff|has|lint ...", "what a server offers: show, compare, look up"),
    "bindings": ("--from SOURCE [-o FILE]", "write its typed Python binding"),
    "docs": ("--from SOURCE --format F -o DIR", "write its reference: md, man, html"),
    "completion": ("bash|zsh|fish", "a script that has TAB complete all this"),
    "man": ("-o DIR", "manual pages"),
}
"""By name, what stands behind it, and what it is for; ``qmpeer.cli.NAME_command`` has the rest."""
_USAGE: Final = """\
usage: qmpeer SUBCOMMAND ...

QMP, the QEMU Machine Protocol, from the command line.

{subcommands}
  qmpeer --version
  qmpeer --help                                  this text; each subcommand has its own

An ADDRESS is unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, ws://HOST:PORT, wss://HOST:PORT,
vsock:CID:PORT or fd:N; a word alone is a path if it holds "/", else HOST:PORT if it ends in ":" and
digits, else a path. "?dir=FOLDER" behind tls: or wss: has the certificates, as QEMU wants them.
"""


class Foreign(NamedTuple):
    """A subcommand that reads its words itself: serve, whose options are QEMU's.

    Attributes:
        about: What it does.
        run: Does what the words say, and returns the exit status.
    """

    about: str
    run: Callable[[Sequence[str]], int]


def subcommand(name: str) -> "Subcommand | Verbs | Foreign":
    """Return one of `SUBCOMMANDS`; only its own module is imported."""
    found: Subcommand | Verbs | Foreign = import_module(f"qmpeer.cli.{name}_command").COMMAND
    return found


def usage() -> str:
    """Return what --help says."""
    lines = (
        f"  {f'qmpeer {name} {behind}':46} {text}" for name, (behind, text) in SUBCOMMANDS.items()
    )
    return _USAGE.format(subcommands="\n".join(lines))


def main(argv: Sequence[str] | None = None, *, program: str | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        argv: The words without the program's name; by default the process's own.
        program: What complains; by default qmpeer with the subcommand.
    """
    _hold_closed_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    program = program or (f"qmpeer {name}" if name in SUBCOMMANDS else "qmpeer")
    try:
        try:
            status = _run(name, words[1:])
        except SystemExit as end:  # argparse, after --help
            status = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
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
    """Open the null device for streams that were closed from the start.

    A socket would get the number of one, and what is written there would reach the server.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if name != "stdin":  # who reads has to know that there is nothing
                setattr(sys, name, open(fd, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def _discard_unwritten() -> None:
    """Drop what can't be written, or the interpreter's last flush fails (status 120)."""
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
