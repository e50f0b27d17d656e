"""``qmpeer completion``: completion scripts for shells, and the server's names that they query."""

import argparse
import re
import sys
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import Subcommand, argument
from qmpeer.cli.exits import DONE, STATUSES, UsageError, checked_address
from qmpeer.cli.output import write_bytes
from qmpeer.client import Client

_AFTER: Final = (
    """\
example, for this user:
  $ qmpeer completion bash >~/.local/share/bash-completion/completions/qmpeer
  $ qmpeer completion zsh >~/.zfunc/_qmpeer        # a folder of $fpath
  $ qmpeer completion fish >~/.config/fish/completions/qmpeer.fish
For qmp-shell, bash looks for a script of that name: ln -s qmpeer qmp-shell in the same folder.

The scripts use this command to list a server's names, such as its commands and its jobs:
  $ qmpeer completion names job /run/vm.qmp

"""
    + STATUSES
)
_SHELLS: Final = ("bash", "zsh", "fish")


def _run(namespace: argparse.Namespace) -> int:
    if namespace.shell == "names":
        if namespace.kind is None or namespace.address is None:
            raise UsageError("found too little after 'names', expected KIND and ADDRESS")
        return _write_names(namespace.kind, namespace.address, namespace.typed)
    if namespace.kind is not None:
        raise UsageError(f"found {namespace.kind!r} after {namespace.shell!r}, expected nothing")
    from qmpeer.cli.completion_scripts import SCRIPTS  # start: 150 ms
    from qmpeer.cli.grammar import usages  # start: 150 ms

    write_bytes(SCRIPTS[namespace.shell](usages()).encode(), sys.stdout)
    return DONE


def _write_names(kind: str, address: str, typed: str) -> int:
    within = typed.rpartition("/")[0] if kind == "qom-path" else ""
    timeout = limits.NAMES_TIMEOUT
    with (
        checked_address(),
        Client.connect(address, timeout=timeout, command_timeout=timeout) as client,
    ):
        names = client.names(kind, within=within)
    found = [name for name in names if name.startswith(typed) and _is_offered(kind, name)]
    write_bytes("".join(f"{name}\n" for name in found).encode(), sys.stdout)
    return DONE


def _is_offered(kind: str, name: str) -> bool:
    """Return whether a server's name is safe to offer: it can be typed, and stands for itself.

    A server may use any names. One that begins with a dash would be read as an option. Commands
    are also completed after qmp-shell's -c, in its own language, and events are patterns; both
    are offered only if they are valid QAPI names.
    """
    if kind in ("command", "event"):
        return re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) is not None
    return name.isprintable() and not name.startswith("-")


COMMAND: Final = Subcommand(
    "qmpeer completion",
    "Write a completion script for a shell.",
    _AFTER,
    (
        argument(
            "shell",
            None,
            "the shell, or names to list a server's names",
            choices=(*_SHELLS, "names"),
        ),
        argument("kind", "KIND", "names: their kind, such as command or job", nargs="?"),
        argument("address", "ADDRESS", "names: the server", nargs="?"),
        argument(
            "typed", "TEXT", "names: list only those that begin with TEXT", nargs="?", default=""
        ),
    ),
    _run,
)
