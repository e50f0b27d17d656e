"""``qmpeer shell``, which is ``qmp-shell``: a prompt, or a script."""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from qmpeer import __version__, limits
from qmpeer.cli.command_line import Subcommand, argument, seconds
from qmpeer.cli.exits import (
    DONE,
    REFUSED,
    STATUSES,
    UNREACHABLE,
    USAGE,
    UsageError,
    about_file,
    checked_address,
    status_of,
)
from qmpeer.cli.main import main
from qmpeer.display.colours import palette_for
from qmpeer.errors import QMPError
from qmpeer.shell.explaining import Outcome
from qmpeer.shell.link import Link
from qmpeer.shell.script import (
    Piece,
    ScriptScreen,
    file_pieces,
    run_script,
    stream_pieces,
    word_pieces,
)
from qmpeer.shell.secrets import without_secrets
from qmpeer.shell.session import Session
from qmpeer.shell.settings import Settings
from qmpeer.shell.typing_ahead import end_of_file_is_a_key
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


_STATUSES: Final = {
    Outcome.DONE: DONE,
    Outcome.REFUSED: REFUSED,
    Outcome.UNREADABLE: USAGE,
    Outcome.LOST: UNREACHABLE,
}


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
    return asyncio.run(_interruptible(_script(given)) if is_script else _prompt(given))


def qmp_shell(argv: Sequence[str] | None = None) -> int:
    """Run ``qmp-shell``: the entry of the program of that name."""
    return main(["shell", *(sys.argv[1:] if argv is None else argv)], program=PROGRAM)


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Do some work, and cancel it at C-c.

    The loop's handler is needed for that: it wakes a loop that a signal finds about to sleep.

    Raises:
        KeyboardInterrupt: If it was cancelled.
    """
    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(ValueError, RuntimeError):  # this isn't the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _link(given: argparse.Namespace, connect_timeout: float | None) -> Link:
    return Link(
        given.address,
        negotiate=not given.no_negotiate,
        connect_timeout=connect_timeout,
        command_timeout=given.timeout or limits.COMMAND_TIMEOUT,
    )


# --- Scripts ------------------------------------------------------------------------------------


async def _script(given: argparse.Namespace) -> int:
    link = _link(given, given.timeout or limits.CONNECT_TIMEOUT)
    screen = ScriptScreen(sys.stdout.buffer, sys.stderr)
    settings = Settings(is_interactive=False, timeout=link.command_timeout)
    session = Session(link, screen, settings, _documentation(given.docs))
    try:
        try:
            await session.connect()
        except (QMPError, OSError) as error:
            return status_of(PROGRAM, error)
        outcome = await run_script(
            session,
            screen,
            _pieces(given),
            keep_going=given.keep_going,
            is_human=given.hmp,
        )
    finally:
        await session.close()
    return _STATUSES[outcome]


async def _pieces(given: argparse.Namespace) -> AsyncIterator[Piece]:
    if given.commands:
        async for piece in word_pieces(given.commands):
            yield piece
    for path in given.files or ([] if given.commands else ["-"]):
        if path != "-":
            with about_file(path):
                async for piece in file_pieces(path):
                    yield piece
        elif sys.stdin is not None:
            async for piece in stream_pieces(sys.stdin.buffer):
                yield piece


def _documentation(source: str | None) -> Callable[[], "Schema | None"]:
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


# --- The prompt ---------------------------------------------------------------------------------


async def _prompt(given: argparse.Namespace) -> int:
    link = _link(given, given.timeout)
    link.begin_connecting()
    try:
        await asyncio.to_thread(import_module, "qmpeer.shell.terminal")  # while the server answers
    except ImportError as error:
        await link.close()
        reason = (
            f"the prompt needs {error.name}: pip install '.[shell]' in qmpeer's checkout; "
            "scripts don't"
        )
        raise UsageError(reason) from error
    return await _talk(given, link)


async def _talk(given: argparse.Namespace, link: Link) -> int:
    from prompt_toolkit.output import create_output  # optional extra: shell

    from qmpeer.shell.history import FileHistory, history_path  # optional extra: shell
    from qmpeer.shell.terminal import Terminal  # optional extra: shell
    from qmpeer.shell.terminal_screen import TerminalScreen  # optional extra: shell

    palette = palette_for(sys.stdout.isatty(), os.environ)
    settings = Settings(timeout=link.command_timeout)
    output = create_output(sys.stdout)
    screen = TerminalScreen(output, settings, palette, has_pager=sys.stdout.isatty())
    session = Session(link, screen, settings, _documentation(given.docs))

    def discreet(text: str) -> str | None:
        return without_secrets(text, link.vocabulary.commands, is_human=given.hmp)

    terminal = Terminal(
        session,
        screen,
        FileHistory(None if given.no_history else history_path(os.environ), discreet),
        output=output,
        is_human=given.hmp,
        reconnects=given.reconnect,
        is_coloured=palette.is_coloured,
    )
    try:
        with end_of_file_is_a_key():
            outcome = await terminal.begin()
            if outcome is not Outcome.DONE:
                return UNREACHABLE
            await terminal.run()
    finally:
        await session.close()
        await screen.close()
    return DONE


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
