"""The words of the shell's own, one record each: to add one, add a record to `BUILTINS`.

From there it is executed, completed, coloured and kept in history as it says, and ``help`` knows
it. A word of one of the last forms, such as ``oob``, stands before something else; its record tells
what happens to the word alone.
"""

import asyncio
import contextlib
import re
from collections.abc import Collection
from time import monotonic
from typing import Final

import msgspec

from qmpeer.client.jobs import CANCELED
from qmpeer.display.safe_text import visible
from qmpeer.errors import JobError
from qmpeer.shell.argument_completion import Asked, Completions, Item
from qmpeer.shell.documentation import DocumentationError
from qmpeer.shell.files import write_file
from qmpeer.shell.help_texts import help_lines, names_behind
from qmpeer.shell.human_completion import complete_human
from qmpeer.shell.job_watch import advice, follow_job, progress_bar
from qmpeer.shell.lines import Executor, Kept, Line, OwnLine, OwnWord, read_line
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.near import near
from qmpeer.shell.recording import Recording
from qmpeer.shell.settings import CHOICES
from qmpeer.shell.typed_arguments import read_freely
from qmpeer.shell.typing_ahead import lent_to_a_child
from qmpeer.shell.words import Form, Statement, Word
from qmpeer.shell.words import split as split_by_forms
from qmpeer.values import JsonObject
from qmpeer.wire import encode_pretty


class Leave(Exception):
    """The user wants to leave."""


# --- Help and settings --------------------------------------------------------------------------


async def _help(executor: Executor, line: OwnLine) -> None:
    session = executor.session
    vocabulary = await session.link.learn()
    behind = line_behind(line, vocabulary.commands)
    manual, complaint = None, ""
    if behind is not None:
        try:
            manual = await asyncio.to_thread(session.documentation)
        except DocumentationError as error:
            complaint = f"no documentation: {visible(str(error))}"
    screen = session.screen
    lines = help_lines(behind, vocabulary, BUILTINS, manual, screen.palette, screen.width)
    await screen.show_text("\n".join(lines))
    if complaint:
        screen.note(complaint)


def _complete_help(asked: Asked) -> Completions:
    schema = asked.vocabulary.schema
    path, dot, _ = asked.current.value.text.rpartition(".")
    if dot and (names := names_behind(path, asked.vocabulary)) is not None:
        return asked.offer(Item(f"{path}.{name}") for name in names)
    types = [] if schema is None else filter(str.isidentifier, schema.types)
    return asked.offer(
        [
            *asked.commands(),
            *(Item(f"{name} ", "the shell's own") for name in BUILTINS if name[0].isalpha()),
            *_events(asked),
            *(Item(f"{name} ", "type") for name in types),
        ]
    )


async def _set(executor: Executor, line: OwnLine) -> None:
    words, screen, settings = line.words, executor.session.screen, executor.session.settings
    if not words:
        for text in settings.lines():
            screen.note(text)
        return
    if len(words) != 2:
        reason, end = "expected a setting and its value", words[-1].end
        raise Mistake(reason, end, end, "; ".join(settings.lines()), is_syntax=True)
    name, value = words[0].value.text, words[1].value.text
    try:
        settings.set(name, value)
    except ValueError as error:
        word = words[1] if name in CHOICES else words[0]
        raise Mistake(str(error), word.start, word.end, is_syntax=True) from None
    if name != "timeout" and not settings.is_interactive:
        screen.note(f"set {name} changes nothing in a script: each reply is one line of JSON")


def _complete_set(asked: Asked) -> Completions:
    if not asked.words:
        return asked.offer(Item(f"{name} ") for name in CHOICES)
    return asked.offer(map(Item, CHOICES.get(asked.words[0].value.text, ())))


# --- Events and jobs ----------------------------------------------------------------------------


def _events(asked: Asked) -> list[Item]:
    return [Item(f"{name} ", "event") for name in sorted(asked.vocabulary.events)]


async def _show_events(executor: Executor, line: OwnLine) -> None:
    session = executor.session
    if line.words:
        word = line.only_word("a pattern")
        try:
            session.events.filter.set(word.value.text)
        except re.error as error:
            reason = f"this is no regular expression: {error}"
            raise Mistake(reason, word.start, word.end, is_syntax=True) from None
        session.take_up_events()
    if not line.words or session.settings.is_interactive:
        session.screen.note(f"events shown: {visible(str(session.events.filter))}")


def _complete_events(asked: Asked) -> Completions:
    return asked.offer([Item("on "), Item("off "), *_events(asked)])


async def _wait(executor: Executor, line: OwnLine) -> None:
    session, words = executor.session, line.words
    timeout = session.settings.timeout
    if words and (seconds := _seconds(words[0])) is not None:
        timeout, words = seconds, words[1:]
    if not words:
        end = line.statement.end
        raise Mistake("expected the name of an event", end, end, is_syntax=True)
    if words[0].name is not None:
        reason = "expected the name of an event first"
        raise Mistake(reason, words[0].start, words[0].end, is_syntax=True)
    vocabulary = await session.link.learn()
    name = words[0].value.text
    event_type = vocabulary.events.get(name)
    match: JsonObject = {}
    if event_type is None and vocabulary.events:
        reason = f"there is no event {visible(name)}"
        hint = near(name, vocabulary.events) or "'help' lists the events"
        raise Mistake(reason, words[0].start, words[0].end, hint)
    if event_type is None:
        match = read_freely(words[1:])
    elif vocabulary.schema is not None:
        match = executor.reader(vocabulary.schema).event_match(event_type, words[1:])
    # The events of a connection that has ended are kept: 'quit', then 'wait SHUTDOWN' finds one.
    client = session.link.client or session.link.connected()
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
        raise Mistake("expected seconds from 0 on", word.start, word.end, is_syntax=True)
    return seconds


def _complete_wait(asked: Asked) -> Completions:
    said = [word for word in asked.words if not word.value.text.replace(".", "").isdigit()]
    if not said:
        return asked.offer(_events(asked))
    event = asked.vocabulary.events.get(said[0].value.text)
    if event is None or event.arguments is None:
        return Completions(asked.current.start)
    return asked.members(event.arguments, event.name, said[1:])


async def _job(executor: Executor, line: OwnLine) -> None:
    word = line.only_word("the id of a job")
    session = executor.session
    client, screen = session.link.connected(), session.screen
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
        raise Mistake(reason, word.start, word.end, "query-jobs lists them")
    await screen.show_value(job.message(), "query-jobs", monotonic() - begin)
    if job.error is not None:
        raise JobError(job.id, job.error, job.type or "job", job.error == CANCELED)
    if session.settings.is_interactive and advice(job):
        screen.note(advice(job))
    if job.stop_reason is not None:
        raise JobError(job.id, job.stop_reason, job.type or "job", is_stopped=True)


def _complete_job(asked: Asked) -> Completions:
    return asked.offer_names("job")


# --- Files --------------------------------------------------------------------------------------


async def _record(executor: Executor, line: OwnLine) -> None:
    path = line.only_word("a file, or off").value.text
    executor.session.record(None)
    if path != "off":
        executor.session.record(Recording(path))


async def _source(executor: Executor, line: OwnLine) -> None:
    await executor.execute_file(line.only_word("a file"))


async def _save(executor: Executor, line: OwnLine) -> None:
    word, session = line.only_word("a file"), executor.session
    if not session.has_value:
        raise Mistake("there is no reply yet", word.start, word.end)
    data = encode_pretty(session.last).replace(b"\r\n", b"\n")
    await asyncio.to_thread(write_file, word.value.text, data)


def _complete_file(asked: Asked) -> Completions:
    return asked.offer_names("file", asked.current.value.text)


# --- Other monitors, other shells ---------------------------------------------------------------


async def _hmp(executor: Executor, line: OwnLine) -> None:
    if not line.text:
        end = line.statement.end
        raise Mistake("expected a command of the human monitor", end, end, is_syntax=True)
    await executor.session.human(line.text)


def _complete_hmp(asked: Asked) -> Completions:
    found = complete_human(asked.current.value.text, asked.names)
    return Completions(asked.current.start + found.start, found.items)


async def _system(executor: Executor, line: OwnLine) -> None:
    statement = line.statement
    if not line.text:
        raise Mistake("expected a command", statement.end, statement.end, is_syntax=True)
    with lent_to_a_child():
        status = await _finished(line.text)
    if status != 0:
        raise Mistake(f"it ended with status {status}", statement.start, statement.end)


async def _finished(command: str) -> int:
    """Execute a command of the system's shell, and return its status."""
    process = await asyncio.create_subprocess_shell(command)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise


async def _nothing_behind(executor: Executor, line: OwnLine) -> None:
    end = line.statement.words[0].end
    raise Mistake("expected a command", end, end, is_syntax=True)


def _complete_command(asked: Asked) -> Completions:
    return asked.offer(asked.commands())


def _complete_oob(asked: Asked) -> Completions:
    return asked.offer(asked.commands(is_oob=True))


async def _reconnect(executor: Executor, line: OwnLine) -> None:
    await executor.session.connect()


async def _exit(executor: Executor, line: OwnLine) -> None:
    raise Leave


# --- All of them --------------------------------------------------------------------------------

BUILTINS: Final[dict[str, OwnWord]] = {word.name: word for word in (
    OwnWord("help", "what a command, an event or a type is",
            "help [COMMAND|EVENT|TYPE]           list all of them, or describe one\n"
            "help COMMAND name=value ...         with the branch that a value selects\n"
            "help COMMAND.ARGUMENT[.MEMBER ...]  one argument, and what is within it\n"
            "qmp-shell --docs FILE|DIR, or QMPEER_DOCS, names the place of QEMU's documentation.",
            _help, kept=Kept.NAME, complete=_complete_help),
    OwnWord("events", "show events: on, off, or a pattern",
            "events [on|off|REGEX]      show events above the prompt as they come",
            _show_events, Form.PATTERN, complete=_complete_events),
    OwnWord("set", "settings: output, timing, pager, timeout",
            "set [output auto|json|table|raw] [timing on|off] [pager on|off] "
            "[timeout SECONDS|none]",
            _set, complete=_complete_set),
    OwnWord("wait", "wait for an event",
            "wait [SECONDS] EVENT [name=value ...]\n"
            "Wait for an event whose data has these values. Those that came since the last\n"
            "command was sent count, so that 'stop', then 'wait STOP' doesn't miss it.",
            _wait, complete=_complete_wait),
    OwnWord("job", "follow a job until it is done",
            "job ID      follow a job with its progress until it is done; C-c leaves it alone",
            _job, kept=Kept.NAME, complete=_complete_job),
    OwnWord("record", "write the conversation to a file",
            "record FILE | record off      write what is sent and what comes, without secrets",
            _record, kept=Kept.FILE, complete=_complete_file),
    OwnWord("source", "execute the lines of a file",
            "source FILE      execute the lines of a file, up to the first error",
            _source, kept=Kept.FILE, complete=_complete_file),
    OwnWord("save", "write the last reply to a file",
            "save FILE      write the last reply as JSON",
            _save, kept=Kept.FILE, complete=_complete_file),
    OwnWord("reconnect", "connect again",
            "reconnect      connect again to the same address",
            _reconnect),
    OwnWord("transaction(", "several actions, all or none, up to )",
            "transaction(\n    ACTION name=value ...\n    ...\n)\n"
            "All actions together or none; a line that says cancel, or C-c, gives them up.",
            None, Form.BLOCK),
    OwnWord("oob", "execute a command out of band",
            "oob COMMAND [name=value ...]      out of band: overtakes the commands that wait",
            _nothing_behind, Form.OOB_COMMAND, complete=_complete_oob),
    OwnWord("execute", "execute a command, whatever its name",
            "execute COMMAND [name=value ...]      for a command named like a word of ours",
            _nothing_behind, Form.COMMAND, complete=_complete_command),
    OwnWord("hmp", "execute a command of the human monitor",
            "hmp LINE      one command of the human monitor; qmp-shell -H is a session of them",
            _hmp, Form.TEXT, Kept.HUMAN_LINE, _complete_hmp),
    OwnWord("exit", "leave",
            "exit      leave, as C-d does; 'quit' is QEMU's own command and ends QEMU",
            _exit),
    OwnWord("!", "execute a command of the system's shell",
            "! COMMAND      execute a command of the system's shell",
            _system, Form.TEXT, Kept.TEXT),
)}  # fmt: skip
"""The words of the shell's own, by their names."""


def split(text: str) -> list[Statement]:
    """Divide a text into statements, as `qmpeer.shell.words.split` does, by these words."""
    return split_by_forms(text, {name: word.form for name, word in BUILTINS.items()})


def line_of(statement: Statement, commands: Collection[str] = ()) -> Line:
    """Return what a statement is, as `read_line` does, by these words."""
    return read_line(statement, BUILTINS, commands)


def line_behind(line: OwnLine, commands: Collection[str] = ()) -> Line | None:
    """Return what the words behind the first would be as a line; None if there are none."""
    statement = msgspec.structs.replace(line.statement, words=tuple(line.words))
    return line_of(statement, commands) if line.words else None
