"""``qmpeer shell``, which is ``qmp-shell``: a prompt, or a script."""

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from qmpeer import __version__, limits
from qmpeer.cli.command_line import Subcommand, argument, seconds
from qmpeer.cli.exits import STATUSES, UsageError, checked_address
from qmpeer.cli.main import main
from qmpeer.errors import QMPError
from qmpeer.shell.link import Link
from qmpeer.shell.session import Documentation
from qmpeer.transport import parse_address

if TYPE_CHECKING:
    from qmpeer.schema import Schema

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
    return asyncio.run(_prompt(given))


def qmp_shell(argv: Sequence[str] | None = None) -> int:
    """Run ``qmp-shell``: the entry of the program of that name."""
    return main(["shell", *(sys.argv[1:] if argv is None else argv)], program=PROGRAM)


def _documentation(source: str | None) -> Documentation:
    """Return what reads the documentation: that of a source, else of our own machine's schema."""

    @cache
    def read() -> "Schema | None":
        from qmpeer.machine.interface import load  # start: 80 ms
        from qmpeer.sources import load_schema  # start: 30 ms

        try:
            return load() if source is None else load_schema(source)
        except (QMPError, OSError, ValueError):
            return None

    return read


async def _prompt(given: argparse.Namespace) -> int:
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

    return await talk(given, link, _documentation(given.docs))


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
        argument("--docs", "SOURCE",
                 "a schema with documentation for 'help', such as QEMU's qapi/qapi-schema.json"),
        argument("--no-history", None, "neither read nor write history"),
        argument("--version", None, "show it and exit", action="version",
                 version=f"{PROGRAM} {__version__}"),
    ),
    _run,
)  # fmt: skip
