"""``qmpeer shell``, which is ``qmp-shell``: a prompt, or a script."""

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from qmpeer import __version__, limits
from qmpeer.cli.command_line import Subcommand, argument, seconds
from qmpeer.cli.exits import STATUSES, FileError, UsageError, about_file, checked_address
from qmpeer.cli.main import main
from qmpeer.shell.documentation import (
    Documentation,
    DocumentationError,
    documentation_file,
    documentation_from,
)
from qmpeer.shell.link import Link
from qmpeer.transport import parse_address

PROGRAM: Final = "qmp-shell"

_AFTER: Final = """\
At the prompt: TAB completes, 'help' tells more, C-c cancels the line, C-d leaves.
  query-block
  blockdev-add driver=qcow2 node-name=disk0 file.driver=file file.filename=/srv/disk0.qcow2
  {"execute": "query-status"}

Scripts: without a terminal on standard input, with -c or with -f there is neither banner nor
prompt. Each reply is one line of JSON, and the first error ends it.
  echo query-status | qmp-shell vm.qmp | jq -r .status
  qmp-shell vm.qmp -c 'migrate uri="exec:cat > vm.state"' -c 'wait 60 STOP'

"""


def _run(given: argparse.Namespace) -> int:
    if given.extra:
        command = shlex.quote(" ".join(given.extra))
        raise UsageError(f"found {given.extra[0]!r} behind ADDRESS, expected -c {command}")
    given.address = given.address or os.environ.get("QMP_SOCKET", "")
    if not given.address:
        raise UsageError("found no ADDRESS, expected one, or QMP_SOCKET in the environment")
    with checked_address():
        parse_address(given.address)
    is_script = bool(given.commands or given.files) or sys.stdin is None or not sys.stdin.isatty()
    if is_script:
        from qmpeer.cli.shell_script import run_statements  # start: 42 ms

        return run_statements(given, PROGRAM, _documentation(given.docs))
    return asyncio.run(_prompt(given, _documentation(given.docs)))


def qmp_shell(argv: Sequence[str] | None = None) -> int:
    """Run ``qmp-shell``: the entry of the program of that name."""
    return main(["shell", *(sys.argv[1:] if argv is None else argv)], program=PROGRAM)


def _documentation(source: str | None) -> Documentation:
    """Return what reads the documentation: of the option, the variable, or our own machine.

    A variable may outlive its file, so that is only an error where somebody asks for help.

    Raises:
        UsageError: If the option names nothing that is there.
    """
    if source is not None:
        try:
            with about_file(source):
                documentation_file(source)
        except DocumentationError as error:
            raise FileError(str(error)) from error
    return documentation_from(source or os.environ.get("QMPEER_DOCS", ""))


async def _prompt(given: argparse.Namespace, documentation: Documentation) -> int:
    link = Link(
        given.address,
        negotiate=not given.no_negotiate,
        connect_timeout=given.timeout,
        command_timeout=given.timeout or limits.COMMAND_TIMEOUT,
    )
    link.begin_connecting()
    try:
        # While the server answers:
        await asyncio.to_thread(import_module, "qmpeer.cli.shell_prompt")
    except ImportError as error:
        await link.close()
        reason = (
            f"the prompt needs {error.name}: pip install '.[shell]' in qmpeer's checkout; "
            "scripts don't"
        )
        raise UsageError(reason) from error
    from qmpeer.cli.shell_prompt import talk  # optional extra: shell

    return await talk(given, link, documentation)


COMMAND: Final = Subcommand(
    PROGRAM,
    "Talk to a QMP server: at a prompt, or by a script.",
    _AFTER + STATUSES,
    (
        argument("address", "ADDRESS", "unix:PATH, tcp:HOST:PORT, ...; by default $QMP_SOCKET",
                 nargs="?"),
        argument("extra", None, argparse.SUPPRESS, nargs="*"),
        argument("-c", "COMMAND", "execute it; may be repeated", dest="commands",
                 completes="names:command", action="append"),
        argument("-f", "FILE", "execute its lines; - is stdin", dest="files", action="append"),
        argument("--keep-going", None, "go on after an error of a script's command"),
        argument("-H --hmp", None, "lines are for the human monitor"),
        argument("-g --no-negotiate", None,
                 "for the guest agent, which neither greets nor negotiates"),
        argument("--reconnect", None, "connect again by itself when the server has left"),
        argument("--timeout", "S", "seconds until connected, and for each reply; by default 10 and "
                 "300; at a prompt it waits for a greeting until C-c", type=seconds),
        argument("--docs", "FILE|DIR", "QEMU's documentation for 'help': qapi/qapi-schema.json, or "
                 "the folder that holds it; by default $QMPEER_DOCS", completes="file"),
        argument("--no-history", None, "neither read nor write history"),
        argument("--version", None, "show it and exit", action="version",
                 version=f"{PROGRAM} {__version__}"),
    ),
    _run,
)  # fmt: skip
