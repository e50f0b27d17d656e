"""``qmpeer completion``: scripts that have TAB complete, and the names that they ask for."""

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
bash finds the one for qmp-shell under that name: ln -s qmpeer qmp-shell there.

The scripts ask for the names that a server has, such as its commands and its jobs:
  $ qmpeer completion names job /run/vm.qmp

"""
    + STATUSES
)
_SHELLS: Final = ("bash", "zsh", "fish")


def _run(given: argparse.Namespace) -> int:
    if given.what == "names":
        if given.kind is None or given.address is None:
            raise UsageError("found too little behind 'names', expected KIND and ADDRESS")
        return _write_names(given.kind, given.address, given.typed)
    if given.kind is not None:
        raise UsageError(f"found {given.kind!r} behind {given.what!r}, expected nothing")
    from qmpeer.cli.completion_scripts import SCRIPTS  # start: 150 ms
    from qmpeer.cli.grammar import usages  # start: 150 ms

    write_bytes(SCRIPTS[given.what](usages()).encode(), sys.stdout)
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
    """Return whether a name can be typed and means nothing else: a server may have any.

    One with a dash in front would be an option. A command may stand in the language of qmp-shell,
    behind its -c, and an event is a pattern: these are offered only if QAPI would have them.
    """
    if kind in ("command", "event"):
        return re.fullmatch(r"[A-Za-z_][\w.-]*", name, re.ASCII) is not None
    return name.isprintable() and not name.startswith("-")


COMMAND: Final = Subcommand(
    "qmpeer completion",
    "Write a script that has TAB complete all this.",
    _AFTER,
    (
        argument("what", None, "for which shell; or names", choices=(*_SHELLS, "names")),
        argument("kind", "KIND", "of names: command, job, ...", nargs="?"),
        argument("address", "ADDRESS", "of names: who has them", nargs="?"),
        argument("typed", "TEXT", "how they begin", nargs="?", default=""),
    ),
    _run,
)
