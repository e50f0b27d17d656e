"""The shell's built-ins, one record each: to add one, add a record to `BUILTINS`.

The record defines how a built-in is executed, completed, coloured, stored in history and shown by
``help``. A prefix, such as ``oob``, stands before a server's command. Its record defines what
happens to a prefix without a command.
"""

import asyncio
import contextlib
import re
from collections.abc import Collection
from time import monotonic
from typing import Final

import msgspec

from qmpeer.display.safe_text import visible
from qmpeer.errors import JobError
from qmpeer.messages.qemu_texts import CANCELED
from qmpeer.shell.argument_completion import Candidate, CompletionRequest, CompletionResult
from qmpeer.shell.documentation import DocumentationError
from qmpeer.shell.files import write_file
from qmpeer.shell.help_texts import help_lines, names_behind
from qmpeer.shell.human_completion import complete_human
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.job_watch import advice, follow_job, progress_bar
from qmpeer.shell.lines import Builtin, BuiltinContext, BuiltinLine, HistoryRule, Line, read_line
from qmpeer.shell.recording import Recording
from qmpeer.shell.settings import CHOICES
from qmpeer.shell.suggestions import did_you_mean
from qmpeer.shell.terminal_modes import terminal_lent
from qmpeer.shell.typed_arguments import read_untyped
from qmpeer.shell.words import Form, Statement, Word
from qmpeer.shell.words import split as split_by_forms
from qmpeer.values import JsonObject
from qmpeer.wire import encode_pretty


class ShellExit(Exception):
    """A request to end the shell."""


# --- Help and settings --------------------------------------------------------------------------


async def _help(context: BuiltinContext, line: BuiltinLine) -> None:
    session = context.session
    vocabulary = await session.connection.fetch_vocabulary()
    behind = line_behind(line, vocabulary.commands)
    manual, failure = None, ""
    if behind is not None:
        try:
            manual = await asyncio.to_thread(session.documentation)
        except DocumentationError as error:
            failure = f"no documentation: {visible(str(error))}"
    screen = session.screen
    lines = help_lines(behind, vocabulary, BUILTINS, manual, screen.palette, screen.width)
    await screen.show_text("\n".join(lines))
    if failure:
        screen.note(failure)


def _complete_help(request: CompletionRequest) -> CompletionResult:
    schema = request.vocabulary.schema
    path, dot, _ = request.current.value.text.rpartition(".")
    if dot and (names := names_behind(path, request.vocabulary)) is not None:
        return request.offer(Candidate(f"{path}.{name}") for name in names)
    types = [] if schema is None else filter(str.isidentifier, schema.types)
    return request.offer(
        [
            *request.commands(),
            *(Candidate(f"{name} ", "built-in") for name in BUILTINS if name[0].isalpha()),
            *_events(request),
            *(Candidate(f"{name} ", "type") for name in types),
        ]
    )


async def _set(context: BuiltinContext, line: BuiltinLine) -> None:
    words, screen, settings = line.words, context.session.screen, context.session.settings
    if not words:
        for text in settings.lines():
            screen.note(text)
        return
    if len(words) != 2:
        reason, end = "expected a setting and its value", words[-1].end
        raise InputError(reason, end, end, "; ".join(settings.lines()), is_syntax=True)
    name, value = words[0].value.text, words[1].value.text
    try:
        settings.set(name, value)
    except ValueError as error:
        word = words[1] if name in CHOICES else words[0]
        raise InputError(str(error), word.start, word.end, is_syntax=True) from None
    if name != "timeout" and not settings.is_interactive:
        screen.note(f"set {name} changes nothing in a script: each reply is one line of JSON")


def _complete_set(request: CompletionRequest) -> CompletionResult:
    if not request.words:
        return request.offer(Candidate(f"{name} ") for name in CHOICES)
    return request.offer(map(Candidate, CHOICES.get(request.words[0].value.text, ())))


# --- Events and jobs ----------------------------------------------------------------------------


def _events(request: CompletionRequest) -> list[Candidate]:
    return [Candidate(f"{name} ", "event") for name in sorted(request.vocabulary.events)]


async def _show_events(context: BuiltinContext, line: BuiltinLine) -> None:
    session = context.session
    if line.words:
        word = line.only_word("a pattern")
        try:
            session.events.filter.set(word.value.text)
        except re.error as error:
            reason = f"invalid regular expression: {error}"
            raise InputError(reason, word.start, word.end, is_syntax=True) from None
        session.start_events()
    if not line.words or session.settings.is_interactive:
        session.screen.note(f"events shown: {visible(str(session.events.filter))}")


def _complete_events(request: CompletionRequest) -> CompletionResult:
    return request.offer([Candidate("on "), Candidate("off "), *_events(request)])


async def _wait(context: BuiltinContext, line: BuiltinLine) -> None:
    session, words = context.session, line.words
    timeout = session.settings.timeout
    if words and (seconds := _seconds(words[0])) is not None:
        timeout, words = seconds, words[1:]
    if not words:
        end = line.statement.end
        raise InputError("expected the name of an event", end, end, is_syntax=True)
    if words[0].name is not None:
        reason = "expected the name of an event first"
        raise InputError(reason, words[0].start, words[0].end, is_syntax=True)
    vocabulary = await session.connection.fetch_vocabulary()
    name = words[0].value.text
    event_type = vocabulary.events.get(name)
    match: JsonObject = {}
    if event_type is None and vocabulary.events:
        reason = f"there is no event {visible(name)}"
        hint = did_you_mean(name, vocabulary.events) or "'help' lists the events"
        raise InputError(reason, words[0].start, words[0].end, hint)
    if event_type is None:
        match = read_untyped(words[1:])
    elif vocabulary.schema is not None:
        match = context.reader(vocabulary.schema).event_match(event_type, words[1:])
    # The events of a connection that has ended are kept: 'quit', then 'wait SHUTDOWN' finds one.
    client = session.connection.client or session.connection.connected()
    event = await client.wait_event(name, match or None, since=session.mark, timeout=timeout)
    session.take(event)
    await session.events.take()
    if not (session.settings.is_interactive and session.events.filter.takes(event)):
        session.screen.show_event(event)


def _seconds(word: Word) -> float | None:
    if word.name is not None:
        return None
    try:
        seconds = float(word.value.text)
    except ValueError:
        return None
    if not 0 <= seconds <= 1e9:
        raise InputError("expected seconds, 0 or more", word.start, word.end, is_syntax=True)
    return seconds


def _complete_wait(request: CompletionRequest) -> CompletionResult:
    words = [word for word in request.words if not word.value.text.replace(".", "").isdigit()]
    if not words:  # only the seconds were typed
        return request.offer(_events(request))
    event = request.vocabulary.events.get(words[0].value.text)
    if event is None or event.arguments is None:
        return CompletionResult(request.current.start)
    return request.members(event.arguments, event.name, words[1:])


async def _job(context: BuiltinContext, line: BuiltinLine) -> None:
    word = line.only_word("the id of a job")
    session = context.session
    client, screen = session.connection.connected(), session.screen
    begin = monotonic()
    try:
        job = await follow_job(
            client,
            word.value.text,
            lambda state: screen.show_progress(progress_bar(state, screen.width)),
            since=session.mark,
        )
    finally:
        screen.show_progress("")
    if job is None:
        reason = f"there is no job '{visible(word.value.text)}'"
        raise InputError(reason, word.start, word.end, "query-jobs lists them")
    await screen.show_value(job.message(), "query-jobs", monotonic() - begin)
    if job.error is not None:
        raise JobError(job.id, job.error, job.type or "job", job.error == CANCELED)
    if session.settings.is_interactive and advice(job):
        screen.note(advice(job))
    if job.stop_reason is not None:
        raise JobError(job.id, job.stop_reason, job.type or "job", is_stopped=True)


def _complete_job(request: CompletionRequest) -> CompletionResult:
    return request.offer_names("job")


# --- Files --------------------------------------------------------------------------------------


async def _record(context: BuiltinContext, line: BuiltinLine) -> None:
    path = line.only_word("a file, or off").value.text
    context.session.record(None)
    if path != "off":
        context.session.record(Recording(path))


async def _source(context: BuiltinContext, line: BuiltinLine) -> None:
    await context.execute_file(line.only_word("a file"))


async def _save(context: BuiltinContext, line: BuiltinLine) -> None:
    word, session = line.only_word("a file"), context.session
    if not session.has_value:
        raise InputError("there is no reply yet", word.start, word.end)
    data = encode_pretty(session.last).replace(b"\r\n", b"\n")
    await asyncio.to_thread(write_file, word.value.text, data)


def _complete_file(request: CompletionRequest) -> CompletionResult:
    return request.offer_names("file", request.current.value.text)


# --- Other monitors, other shells ---------------------------------------------------------------


async def _hmp(context: BuiltinContext, line: BuiltinLine) -> None:
    if not line.text:
        end = line.statement.end
        raise InputError("expected a command of the human monitor", end, end, is_syntax=True)
    await context.session.human(line.text)


def _complete_hmp(request: CompletionRequest) -> CompletionResult:
    found = complete_human(request.current.value.text, request.names)
    return CompletionResult(request.current.start + found.start, found.candidates)


async def _system(context: BuiltinContext, line: BuiltinLine) -> None:
    statement = line.statement
    if not line.text:
        raise InputError("expected a command", statement.end, statement.end, is_syntax=True)
    with terminal_lent():
        status = await _finished(line.text)
    if status != 0:
        raise InputError(f"the command ended with status {status}", statement.start, statement.end)


async def _finished(command: str) -> int:
    """Execute a command of the system's shell, and return its exit status."""
    process = await asyncio.create_subprocess_shell(command)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


async def _nothing_behind(context: BuiltinContext, line: BuiltinLine) -> None:
    end = line.statement.words[0].end
    raise InputError("expected a command", end, end, is_syntax=True)


def _complete_command(request: CompletionRequest) -> CompletionResult:
    return request.offer(request.commands())


def _complete_oob(request: CompletionRequest) -> CompletionResult:
    return request.offer(request.commands(is_oob=True))


async def _reconnect(context: BuiltinContext, line: BuiltinLine) -> None:
    await context.session.connect()


async def _exit(context: BuiltinContext, line: BuiltinLine) -> None:
    raise ShellExit


# --- All of them --------------------------------------------------------------------------------

BUILTINS: Final[dict[str, Builtin]] = {word.name: word for word in (
    Builtin("help", "describe a command, an event or a type",
            "help [COMMAND|EVENT|TYPE]           list all of them, or describe one\n"
            "help COMMAND name=value ...         show only the branch that a value selects\n"
            "help COMMAND.ARGUMENT[.MEMBER ...]  one argument, and its members\n"
            "qmp-shell --docs FILE|DIR, or QMPEER_DOCS, names the place of QEMU's documentation.",
            _help, history_rule=HistoryRule.NAME, complete=_complete_help),
    Builtin("events", "show events: on, off, or a pattern",
            "events [on|off|REGEX]      show events above the prompt as they arrive",
            _show_events, Form.PATTERN, complete=_complete_events),
    Builtin("set", "settings: output, timing, pager, timeout",
            "set [output auto|json|table|raw] [timing on|off] [pager on|off] "
            "[timeout SECONDS|none]",
            _set, complete=_complete_set),
    Builtin("wait", "wait for an event",
            "wait [SECONDS] EVENT [name=value ...]\n"
            "Wait for an event whose data has these values. An event that arrived after the last\n"
            "command was sent counts too: 'stop', then 'wait STOP' doesn't miss it.",
            _wait, complete=_complete_wait),
    Builtin("job", "follow a job until it is done",
            "job ID      show a job's progress until it is done; C-c stops watching, not the job",
            _job, history_rule=HistoryRule.NAME, complete=_complete_job),
    Builtin("record", "write the conversation to a file",
            "record FILE | record off      write sent and received messages, without secrets",
            _record, history_rule=HistoryRule.FILE, complete=_complete_file),
    Builtin("source", "execute the lines of a file",
            "source FILE      execute the lines of a file, up to the first error",
            _source, history_rule=HistoryRule.FILE, complete=_complete_file),
    Builtin("save", "write the last reply to a file",
            "save FILE      write the last reply as JSON",
            _save, history_rule=HistoryRule.FILE, complete=_complete_file),
    Builtin("reconnect", "connect again",
            "reconnect      connect again to the same address",
            _reconnect),
    Builtin("transaction(", "several actions, all or none, up to )",
            "transaction(\n    ACTION name=value ...\n    ...\n)\n"
            "All actions take effect, or none. The line 'cancel', or C-c, discards them.",
            None, Form.BLOCK),
    Builtin("oob", "execute a command out of band",
            "oob COMMAND [name=value ...]      execute it ahead of the commands that wait",
            _nothing_behind, Form.OOB_COMMAND, complete=_complete_oob),
    Builtin("execute", "execute a command, whatever its name",
            "execute COMMAND [name=value ...]      for a command with the name of a built-in",
            _nothing_behind, Form.COMMAND, complete=_complete_command),
    Builtin("hmp", "execute a command of the human monitor",
            "hmp LINE      execute one human monitor command; 'qmp-shell -H' has a prompt for them",
            _hmp, Form.TEXT, HistoryRule.HUMAN_LINE, _complete_hmp),
    Builtin("exit", "end the shell",
            "exit      end the shell, as C-d does; 'quit' is a command of QEMU and ends QEMU",
            _exit),
    Builtin("!", "execute a command of the system's shell",
            "! COMMAND      execute a command of the system's shell",
            _system, Form.TEXT, HistoryRule.TEXT),
)}  # fmt: skip
"""The built-ins by name."""


def split(text: str) -> list[Statement]:
    """Divide a text into statements, as `qmpeer.shell.words.split` does, with these built-ins."""
    return split_by_forms(text, {name: word.form for name, word in BUILTINS.items()})


def line_of(statement: Statement, commands: Collection[str] = ()) -> Line:
    """Return the kind of line, as `read_line` does, with these built-ins."""
    return read_line(statement, BUILTINS, commands)


def line_behind(line: BuiltinLine, commands: Collection[str] = ()) -> Line | None:
    """Return the words behind the first as a line of their own; None if there are none."""
    statement = msgspec.structs.replace(line.statement, words=tuple(line.words))
    return line_of(statement, commands) if line.words else None
