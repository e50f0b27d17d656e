"""``qmpeer shell``, also called ``qmp-shell``: a prompt, or the run of a script."""

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from qmpeer import __version__, limits
from qmpeer.cli.command_line import WAIT_FOR_SOCKET, Subcommand, argument, seconds
from qmpeer.cli.exits import STATUSES, FileError, UsageError, about_file, checked_address
from qmpeer.cli.main import main
from qmpeer.shell.connection import ShellConnection
from qmpeer.shell.documentation import (
    Documentation,
    DocumentationError,
    documentation_file,
    documentation_from,
)
from qmpeer.transport import parse_address

PROGRAM: Final = "qmp-shell"

_AFTER: Final = """\
At the prompt TAB completes, 'help' shows help, C-c cancels the line, and C-d leaves:
  query-block
  blockdev-add driver=qcow2 node-name=disk0 file.driver=file file.filename=/srv/disk0.qcow2
  {"execute": "query-status"}

With -c, with -f, or without a terminal on standard input, the shell runs a script, and shows
neither a banner nor a prompt. It writes each reply as one line of JSON. The first error ends it.
  echo query-status | qmp-shell vm.qmp | jq -r .status
  qmp-shell vm.qmp -c 'migrate uri="exec:cat > vm.state"' -c 'wait 60 STOP'

"""


def _run(namespace: argparse.Namespace) -> int:
    if namespace.extra:
        command = shlex.quote(" ".join(namespace.extra))
        raise UsageError(f"found {namespace.extra[0]!r} after ADDRESS, expected -c {command}")
    namespace.address = namespace.address or os.environ.get("QMP_SOCKET", "")
    if not namespace.address:
        raise UsageError("found no ADDRESS, expected one, or QMP_SOCKET in the environment")
    with checked_address():
        parse_address(namespace.address)
    is_script = (
        bool(namespace.commands or namespace.files) or sys.stdin is None or not sys.stdin.isatty()
    )
    if is_script:
        from qmpeer.cli.shell_script import run_statements  # start: 42 ms

        return run_statements(namespace, PROGRAM, _documentation(namespace.docs))
    return asyncio.run(_prompt(namespace, _documentation(namespace.docs)))


def qmp_shell(argv: Sequence[str] | None = None) -> int:
    """Run the program ``qmp-shell``, whose entry point this is."""
    return main(["shell", *(sys.argv[1:] if argv is None else argv)], program=PROGRAM)


def _documentation(source: str | None) -> Documentation:
    """Return the documentation named by --docs or QMPEER_DOCS, else that of our own machine.

    A variable may outlive its file, so a missing file in QMPEER_DOCS is an error only for help.

    Raises:
        UsageError: If the file or folder of the option doesn't exist.
    """
    if source is not None:
        try:
            with about_file(source):
                documentation_file(source)
        except DocumentationError as error:
            raise FileError(str(error)) from error
    return documentation_from(source or os.environ.get("QMPEER_DOCS", ""))


async def _prompt(namespace: argparse.Namespace, documentation: Documentation) -> int:
    connection = ShellConnection(
        namespace.address,
        negotiate=not namespace.no_negotiate,
        connect_timeout=namespace.timeout,
        command_timeout=namespace.timeout or limits.COMMAND_TIMEOUT,
        wait_for_socket=namespace.wait_for_socket,
    )
    connection.begin_connecting()
    try:
        # The import takes longest: it runs in a thread, while the server answers.
        await asyncio.to_thread(import_module, "qmpeer.cli.shell_prompt")
    except ImportError as error:
        await connection.close()
        reason = (
            f"the prompt needs {error.name}: pip install '.[shell]' in qmpeer's checkout; "
            "scripts don't"
        )
        raise UsageError(reason) from error
    from qmpeer.cli.shell_prompt import talk  # optional extra: shell

    return await talk(namespace, connection, documentation)


COMMAND: Final = Subcommand(
    PROGRAM,
    "Send commands to a QMP server, at a prompt or from a script.",
    _AFTER + STATUSES,
    (
        argument("address", "ADDRESS", "unix:PATH, tcp:HOST:PORT, ...; default: $QMP_SOCKET",
                 nargs="?"),
        argument("extra", None, argparse.SUPPRESS, nargs="*"),
        argument("-c", "COMMAND", "execute COMMAND; may be repeated", dest="commands",
                 completes="names:command", action="append"),
        argument("-f", "FILE", "execute the lines of FILE, - for standard input; may be repeated",
                 dest="files", action="append"),
        argument("--keep-going", None, "continue a script after a command that fails"),
        argument("-H --hmp", None, "send lines to the human monitor"),
        argument("-g --no-negotiate", None,
                 "don't wait for a greeting; for a guest agent, which sends none"),
        argument("--reconnect", None, "reconnect when the server closes the connection"),
        argument("--timeout", "S", "wait at most S seconds for the connection (default 10; at a "
                 "prompt: until C-c), and for each reply (default 300)", type=seconds),
        WAIT_FOR_SOCKET,
        argument("--docs", "FILE|DIR", "QEMU's documentation for 'help': qapi/qapi-schema.json, or "
                 "its folder; default: $QMPEER_DOCS", completes="file"),
        argument("--no-history", None, "don't read or write the history"),
        argument("--version", None, "show the version and exit", action="version",
                 version=f"{PROGRAM} {__version__}"),
    ),
    _run,
)  # fmt: skip
