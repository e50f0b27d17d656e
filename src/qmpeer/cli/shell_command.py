"""``qmpeer shell``, which is ``qmp-shell``: a prompt, or a script."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from qmpeer import __version__, limits

if TYPE_CHECKING:
    from qmpeer.cli.command_line import CommandLine
    from qmpeer.schema import Schema
    from qmpeer.shell.link import Link
    from qmpeer.shell.script import Piece

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


def run(words: Sequence[str]) -> int:
    """Talk to a server at a prompt, or by a script.

    Raises:
        UsageError: If the words make no sense.
    """
    from qmpeer.cli.exits import UsageError

    given = _read(words)
    address = given.address or os.environ.get("QMP_SOCKET", "")
    if not address:
        raise UsageError("found no ADDRESS, expected one, or QMP_SOCKET in the environment")
    given.address = address
    _check_address(address)
    is_script = bool(given.commands or given.files) or sys.stdin is None or not sys.stdin.isatty()
    return _finished(_interruptible(_script(given)) if is_script else _prompt(given))


class _Given:
    """Hold what the words say."""

    def __init__(
        self,
        address: str | None = None,
        commands: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
        keep_going: bool = False,
        hmp: bool = False,
        no_negotiate: bool = False,
        reconnect: bool = False,
        timeout: float | None = None,
        docs: str | None = None,
        no_history: bool = False,
    ) -> None:
        self.address = address or ""
        self.commands = commands or ()
        self.files = files or ()
        self.keep_going = keep_going
        self.hmp = hmp
        self.no_negotiate = no_negotiate
        self.reconnect = reconnect
        self.timeout = timeout
        self.docs = docs
        self.no_history = no_history


def _read(words: Sequence[str]) -> _Given:
    if len(words) == 1 and not words[0].startswith("-"):
        return _Given(words[0])  # without options there is nothing for argparse to read
    given, rest = parser().parse_known_intermixed_args(words)
    if rest:
        import shlex

        from qmpeer.cli.exits import UsageError

        if rest[0].startswith("-"):
            raise UsageError(f"unrecognized arguments: {' '.join(rest)}")
        command = shlex.quote(" ".join(rest))
        raise UsageError(f"found {rest[0]!r} behind ADDRESS, expected -c {command}")
    return _Given(**vars(given))


def qmp_shell(argv: Sequence[str] | None = None) -> int:
    """Run ``qmp-shell``: the entry of the program of that name."""
    gc.disable()  # as _prompt says; it is too early for anything of ours to be imported
    from qmpeer.cli.main import main

    return main(["shell", *(sys.argv[1:] if argv is None else argv)], program=PROGRAM)


def parser() -> "CommandLine":
    """Return what reads the words."""
    from qmpeer.cli.command_line import CommandLine, seconds
    from qmpeer.cli.exits import STATUSES

    about = "Talk to a QMP server: at a prompt, or by a script."
    parser = CommandLine(PROGRAM, about, _AFTER + STATUSES)
    parser.add_argument(
        "address", metavar="ADDRESS", nargs="?", help="unix:PATH, tcp:HOST:PORT, ...; by default "
        "$QMP_SOCKET",
    )  # fmt: skip
    parser.add_argument(
        "-c",
        dest="commands",
        metavar="COMMAND",
        action="append",
        help="execute it; may be repeated",
    )
    parser.add_argument(
        "-f", dest="files", metavar="FILE", action="append", help="execute its lines; - is stdin"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="go on after an error of a script's command"
    )
    parser.add_argument(
        "-H", "--hmp", action="store_true", help="lines are for the human monitor"
    )  # fmt: skip
    parser.add_argument(
        "-g", "--no-negotiate",
        action="store_true",
        help="for the guest agent, which neither greets nor negotiates",
    )  # fmt: skip
    parser.add_argument(
        "--reconnect", action="store_true", help="connect again by itself when the server has left"
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="seconds until connected, and for each reply; by default 10 and 300; at a prompt it "
        "waits for a greeting until C-c",
    )
    parser.add_argument(
        "--docs",
        metavar="SOURCE",
        help="a schema with documentation for 'help', such as QEMU's qapi/qapi-schema.json",
    )
    parser.add_argument("--no-history", action="store_true", help="neither read nor write history")
    version = f"{PROGRAM} {__version__}"
    parser.add_argument("--version", action="version", version=version, help="show it and exit")
    return parser


def _check_address(address: str) -> None:
    """Refuse what is no address, before anything is set up."""
    from qmpeer.cli.exits import UsageError
    from qmpeer.transport import parse_address

    try:
        parse_address(address)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _finished(work: "Coroutine[Any, Any, int]") -> int:
    import asyncio

    return asyncio.run(work)


async def _interruptible(work: "Coroutine[Any, Any, int]") -> int:
    """Do some work, and cancel it at C-c.

    The loop's handler is needed for that: it wakes a loop that a signal finds about to sleep.

    Raises:
        KeyboardInterrupt: If it was cancelled.
    """
    import asyncio
    import contextlib
    import signal

    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(ValueError, RuntimeError):  # this isn't the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


# --- Scripts ------------------------------------------------------------------------------------


async def _script(given: _Given) -> int:
    gc.enable()
    from qmpeer.cli.exits import DONE, REFUSED, UNREACHABLE, USAGE, status_of
    from qmpeer.errors import QMPError
    from qmpeer.shell.link import Link
    from qmpeer.shell.script import ScriptScreen, run_script
    from qmpeer.shell.session import Session
    from qmpeer.shell.settings import Settings

    link = Link(
        given.address,
        negotiate=not given.no_negotiate,
        connect_timeout=given.timeout or limits.CONNECT_TIMEOUT,
        command_timeout=given.timeout or limits.COMMAND_TIMEOUT,
    )
    screen = ScriptScreen(sys.stdout.buffer, sys.stderr)
    settings = Settings(is_interactive=False, timeout=given.timeout or limits.COMMAND_TIMEOUT)
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
    return {"DONE": DONE, "REFUSED": REFUSED, "UNREADABLE": USAGE, "LOST": UNREACHABLE}[
        outcome.name
    ]


async def _pieces(given: _Given) -> "AsyncIterator[Piece]":
    from qmpeer.cli.exits import about_file
    from qmpeer.shell.script import file_pieces, stream_pieces, word_pieces

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


def _documentation(source: str | None) -> "Any":
    """Return what reads the documentation: that of a source, else of our own machine's schema."""
    from functools import cache

    @cache
    def read() -> "Schema | None":
        from importlib.resources import as_file, files

        from qmpeer.errors import QMPError
        from qmpeer.sources import load_schema

        try:
            if source is not None:
                return load_schema(source)
            with as_file(files("qmpeer.machine") / "qapi") as folder:
                return load_schema(folder / "qapi-schema.json")
        except (QMPError, OSError, ValueError):
            return None

    return read


# --- The prompt ---------------------------------------------------------------------------------


async def _prompt(given: _Given) -> int:
    import asyncio

    from qmpeer.cli.exits import UsageError
    from qmpeer.shell.link import Link

    # What is made until the prompt is there stays; to look for garbage among it takes a tenth of
    # the time until then.
    gc.disable()
    link = Link(
        given.address,
        negotiate=not given.no_negotiate,
        connect_timeout=given.timeout,
        command_timeout=given.timeout or limits.COMMAND_TIMEOUT,
    )
    link.begin_connecting()
    try:
        await asyncio.to_thread(_import_prompt)
    except ImportError as error:
        await link.close()
        reason = (
            f"the prompt needs {error.name}: pip install '.[shell]' in qmpeer's checkout; "
            "scripts don't"
        )
        raise UsageError(reason) from error
    return await _talk(given, link)


def _import_prompt() -> None:
    """Import the prompt, while the server answers."""
    from qmpeer.shell.late_widths import late_widths

    with late_widths():
        import qmpeer.shell.history
        import qmpeer.shell.terminal  # noqa: F401 - that is all


async def _talk(given: _Given, link: "Link") -> int:
    from prompt_toolkit.output import create_output

    from qmpeer.cli.exits import DONE, UNREACHABLE
    from qmpeer.shell.colours import palette_for
    from qmpeer.shell.history import FileHistory, history_path
    from qmpeer.shell.session import Session
    from qmpeer.shell.settings import Settings
    from qmpeer.shell.terminal import Terminal
    from qmpeer.shell.terminal_screen import TerminalScreen
    from qmpeer.shell.typing_ahead import end_of_file_is_a_key

    palette = palette_for(sys.stdout)
    settings = Settings(timeout=link.command_timeout)
    output = create_output(sys.stdout)
    screen = TerminalScreen(output, settings, palette, has_pager=sys.stdout.isatty())
    session = Session(link, screen, settings, _documentation(given.docs))

    def discreet(text: str) -> str | None:
        from qmpeer.shell.secrets import without_secrets

        return without_secrets(text, link.vocabulary.commands, is_human=given.hmp)

    terminal = Terminal(
        session,
        screen,
        FileHistory(None if given.no_history else history_path(os.environ), discreet),
        output=output,
        is_human=given.hmp,
        reconnects=given.reconnect,
        is_coloured=palette.is_coloured,
        on_ready=_collect_garbage,
    )
    try:
        with end_of_file_is_a_key():
            outcome = await terminal.begin()
            if outcome.name != "DONE":
                return UNREACHABLE
            await terminal.run()
    finally:
        await session.close()
        await screen.close()
    return DONE


def _collect_garbage() -> None:
    """Look for garbage from now on, but not among what is there."""
    gc.freeze()
    gc.enable()
