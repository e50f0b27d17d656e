"""The entry: which subcommand it is, and how the process ends whatever happens in it."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final

from qmpeer import __version__
from qmpeer.cli.exits import BROKEN_PIPE, INTERRUPTED, UsageError, status_of

SUBCOMMANDS: Final = {
    "serve": "qmpeer.cli.serve_command",
    "exec": "qmpeer.cli.exec_command",
    "events": "qmpeer.cli.events_command",
    "shell": "qmpeer.cli.shell_command",
    "info": "qmpeer.cli.info_command",
    "jobs": "qmpeer.cli.jobs_command",
    "ga": "qmpeer.cli.ga_command",
    "qom": "qmpeer.cli.qom_command",
    "screenshot": "qmpeer.cli.screenshot_command",
    "top": "qmpeer.cli.top_command",
    "schema": "qmpeer.cli.schema_command",
    "bindings": "qmpeer.cli.bindings_command",
    "docs": "qmpeer.cli.docs_command",
    "completion": "qmpeer.cli.completion_command",
    "man": "qmpeer.cli.man_command",
}
"""By name, the module that runs it."""
USAGE: Final = """\
usage: qmpeer SUBCOMMAND ...

QMP, the QEMU Machine Protocol, from the command line.

  qmpeer serve [QEMU options]                    a machine that answers QMP
  qmpeer exec ADDRESS COMMAND [name=value ...]   execute one command
  qmpeer shell ADDRESS                           a prompt, or a script; also called qmp-shell
  qmpeer info ADDRESS                            what machine is this, at one look
  qmpeer events ADDRESS [NAME|REGEX ...]         show events as they come
  qmpeer jobs ADDRESS [ID ...] [--wait]          progress of jobs and migration
  qmpeer ga ADDRESS VERB ...                     have a guest's agent do something
  qmpeer qom ADDRESS tree|list|get|set ...       the objects that a machine is made of
  qmpeer screenshot ADDRESS [FILE]               what the guest shows, as a picture
  qmpeer top ADDRESS                             what its CPUs, disks and NICs do, live
  qmpeer schema dump|diff|has|lint ...           what a server offers: show, compare, look up
  qmpeer bindings --from SOURCE [-o FILE]        write its typed Python binding
  qmpeer docs --from SOURCE --format F -o DIR    write its reference: md, man, html
  qmpeer completion bash|zsh|fish                a script that has TAB complete all this
  qmpeer man -o DIR                              manual pages
  qmpeer --version
  qmpeer --help                                  this text; each subcommand has its own

An ADDRESS is unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, ws://HOST:PORT, wss://HOST:PORT,
vsock:CID:PORT or fd:N; a word alone is a path if it holds "/", else HOST:PORT if it ends in ":" and
digits, else a path. "?dir=FOLDER" behind tls: or wss: has the certificates, as QEMU wants them.
"""
"""What --help says."""


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
        run: Callable[[Sequence[str]], int] = import_module(SUBCOMMANDS[name]).run
        return run(words)
    if name in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0
    if name in ("--version", "-version", "-V"):
        sys.stdout.write(f"qmpeer {__version__}\n")
        return 0
    expected = ", ".join(SUBCOMMANDS)
    found = f"found {name!r}" if name else "found no subcommand"
    raise UsageError(f"{found}, expected one of {expected}")
