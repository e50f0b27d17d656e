"""Lines without their secrets, for history and for what is shown of a line that failed.

What a line says is found as it is for execution, and `qmpeer.messages.redaction` decides what is a
secret. A line that can't be read is given up as a whole if it could hold one.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from qmpeer import limits
from qmpeer.messages.redaction import (
    REDACTED,
    Scrubber,
    redact_arguments,
    redact_human_line,
    redact_message,
    redact_text,
)
from qmpeer.messages.secret_names import (
    CARRIERS,
    SECRETS,
    carrier_of,
    is_plain_object,
    is_secret_name,
    is_shown,
    keeps_secrets,
)
from qmpeer.shell.argument_tree import free_json
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.words import Statement, Word, split
from qmpeer.values import JsonObject, JsonValue

__all__ = ["Shown", "shown_text", "without_secrets"]

_NAMES: Final = frozenset().union(*SECRETS.values())
_OWN: Final = frozenset(
    {"help", "events", "set", "wait", "job", "record", "source", "save", "reconnect", "exit"}
)
_FILE_WORDS: Final = ("record", "source", "save")
_FILE_NAME: Final = re.compile(r"[\w.~+-]*[./][\w.~/+-]*|[A-Za-z_-]+|[a-z]+[-_]?\d{1,4}")
"""What looks like a file's name, and not like a password that was pasted."""
_GLUED: Final = re.compile(r"([\w-]+)[:,;]")
_TOKEN: Final = re.compile(r"(?:[\w-]|\\u[0-9a-fA-F]{4})+")
_COMMENT: Final = re.compile(r"(?<!\S)#[^\n]*")


class Edit(NamedTuple):
    """A part of a text, and what to show in its place."""

    start: int
    end: int
    shown: str


def without_secrets(
    text: str, commands: Collection[str] = (), *, is_human: bool = False
) -> str | None:
    """Return a line with its secrets left out; None if it must not be kept at all.

    Args:
        text: What was typed.
        commands: The names of the server's commands: what is none of these may be a misspelt one,
            so that whatever is called like a secret is taken for one.
        is_human: It is for the human monitor.

    Example:
        >>> without_secrets("set_password protocol=vnc password=x", ["set_password"])
        'set_password protocol=vnc password=<redacted>'
    """
    edits = _human_edits(text) if is_human else _edits(text, commands)
    return None if edits is None else _applied(text, edits)


class Shown(NamedTuple):
    """A text that was typed as it may be shown.

    Attributes:
        text: The text without its secrets.
        start: Where a place in it begins.
        end: Where that ends.
        scrubber: Blanks the same secrets in what is said of the text.
    """

    text: str
    start: int
    end: int
    scrubber: Scrubber


def shown_text(text: str, start: int, end: int) -> Shown | None:
    """Return a text as it may be shown, with a place in it; None if it may not be shown at all."""
    edits = _edits(text, ()) if len(text) <= limits.SHELL_SHOWN else None
    if edits is None:
        return None
    scrubber = Scrubber()
    for edit in edits:
        scrubber.blanked(text[edit.start : edit.end], edit.shown)
    places = [_moved(start, edits), _moved(end, edits)]
    return Shown(_applied(text, edits), places[0], max(places), scrubber)


def _moved(place: int, edits: Sequence[Edit]) -> int:
    """Return where a place of a text is once it is edited; within an edit that is its start."""
    shift = 0
    for edit in edits:
        if place <= edit.start:
            break
        if place < edit.end:
            return edit.start + shift
        shift += len(edit.shown) - (edit.end - edit.start)
    return place + shift


def _applied(text: str, edits: Sequence[Edit]) -> str:
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.shown]
        at = edit.end
    return "".join([*parts, text[at:]])


def _human_edits(text: str) -> list[Edit]:
    edits, at = [], 0
    for line in text.split("\n"):
        shown = redact_human_line(line)
        if shown is not line:
            edits.append(Edit(at, at + len(line), shown))
        at += len(line) + 1
    return edits


def _edits(text: str, commands: Collection[str]) -> list[Edit] | None:
    edits: list[Edit] = []
    statements = split(text)
    if not all(map(_is_readable, statements)) and _is_suspect(text):
        return None
    for statement in filter(_is_readable, statements):
        edits += _statement(text, statement, commands)
    edits += list(_comments(text, edits))
    return sorted(edits, key=itemgetter(0))


def _is_readable(statement: Statement) -> bool:
    if statement.is_open or statement.mistake is not None:
        return False
    try:
        for word in statement.words:
            if word.value.kind == "json":
                free_json(word.value)
    except Mistake:
        return False
    return True


def _is_suspect(text: str) -> bool:
    """Return whether a text that can't be read could hold a secret."""
    names = {found[0] for found in _TOKEN.finditer(text)}
    return redact_text(text) != text or any(
        is_secret_name(name) or name in _NAMES or carrier_of(name) for name in names
    )


def _comments(text: str, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield the comments that are called like secrets, as far as nothing is edited there."""
    starts = [edit.start for edit in edits]
    for found in _COMMENT.finditer(text):
        begun = bisect_left(starts, found.end())
        is_edited = begun > 0 and edits[begun - 1].end > found.start()
        if not is_edited and _is_suspect(found[0]):
            yield Edit(found.start(), found.end(), f"# {REDACTED}")


def _statement(text: str, statement: Statement, commands: Collection[str]) -> Iterator[Edit]:
    words = statement.words
    first = words[0]
    name = first.value.text
    if statement.raw is not None:
        start = text.rindex(statement.raw, statement.start, statement.end)
        shown = (redact_human_line if name == "hmp" else redact_text)(statement.raw)
        if shown != statement.raw:
            yield Edit(start, start + len(statement.raw), shown)
    elif first.name is None and first.value.kind == "json":
        for word in words:
            yield from _message(word)
    elif statement.breaks:
        for action in _actions(statement):
            yield from _action(text, action, commands)
    elif first.name is not None:
        yield from _command("", words, commands)
    elif (glued := _GLUED.match(name)) and (carrier_of(glued[1]) or is_secret_name(glued[1])):
        yield Edit(first.start + glued.end(), words[-1].end, REDACTED)
    elif name in ("oob", "execute") and len(words) > 1:
        yield from _statement_behind(text, statement, commands)
    elif name in _OWN and name not in commands:
        yield from _own(name, words[1:])
    else:
        yield from _command(name, words[1:], commands)


def _statement_behind(text: str, statement: Statement, commands: Collection[str]) -> Iterator[Edit]:
    """Yield the edits of what stands behind ``oob`` or ``execute``, and behind several of them."""
    count = 0
    for word in statement.words[:-1]:
        if word.name is not None or word.value.text not in ("oob", "execute"):
            break
        count += 1
    words = statement.words[count:]
    yield from _statement(text, Statement(words, words[0].start, statement.end), commands)


def _actions(statement: Statement) -> Iterator[Sequence[Word]]:
    starts = [*sorted(at for at in statement.breaks if at < len(statement.words))]
    for start, end in zip(starts, [*starts[1:], len(statement.words)], strict=True):
        if start < end:
            yield statement.words[start:end]


def _action(text: str, words: Sequence[Word], commands: Collection[str]) -> Iterator[Edit]:
    """Yield the edits of an action, or of any statement that was typed in its place."""
    start, end = words[0].start, words[-1].end
    if words[0].value.text.startswith("transaction("):
        yield Edit(start, end, REDACTED)
        return
    edits = _edits(text[start:end], commands)
    for edit in [Edit(0, end - start, REDACTED)] if edits is None else edits:
        yield Edit(start + edit.start, start + edit.end, edit.shown)


def _own(name: str, words: Sequence[Word]) -> Iterator[Edit]:
    """Yield the edits of a statement of the shell's own."""
    for at, word in enumerate(words):
        is_file = name not in _FILE_WORDS or _FILE_NAME.fullmatch(word.value.text)
        if not is_file or (at and name in (*_FILE_WORDS, "help", "job")):
            yield Edit(word.value.start, word.end, REDACTED)
        else:
            yield from _argument("", word, {}, is_known=True)


def _command(command: str, words: Sequence[Word], commands: Collection[str]) -> Iterator[Edit]:
    is_known = command in commands
    is_line = all(word.name is None and word.value.kind != "json" for word in words)
    if _simple(command) == "human-monitor-command" and is_line:
        line = " ".join(word.value.text for word in words)
        if redact_human_line(line) != line:
            yield Edit(words[0].start, words[-1].end, redact_human_line(line))
        return
    carrier = carrier_of(command) if not is_known or _simple(command) in CARRIERS else None
    if not is_known and carrier is None and words and is_secret_name(command):
        yield Edit(words[0].start, words[-1].end, REDACTED)
        return
    context: JsonObject = {}
    is_secret_object = False
    if carrier == "object-add" or not is_known:
        is_secret_object = any(keeps_secrets(word.value.text) for word in words)
        context = _plain_type(words)
        if is_secret_object:
            carrier = "object-add"
        elif context and carrier == "object-add":
            carrier = None
    for word in words:
        is_looked_into = word.value.kind == "json" and not is_secret_object
        if carrier is None or is_looked_into or _is_harmless(carrier, word):
            yield from _argument(command, word, context, is_known=is_known)
        else:
            yield Edit(word.value.start, word.end, REDACTED)


def _simple(command: str) -> str:
    return command.lower().replace("_", "-")


def _plain_type(words: Sequence[Word]) -> JsonObject:
    """Return the member that says that an object keeps no secrets; {} if none does."""
    for word in words:
        if word.name in ("qom-type", "qom_type") and is_plain_object(word.value.text):
            return {"qom-type": word.value.text}
    return {}


def _is_harmless(carrier: str, word: Word) -> bool:
    """Return whether a word of a command that may carry a secret may be shown."""
    value = word.value
    if value.kind == "json":
        return False
    if word.name is not None:
        return is_shown(carrier, word.name.removeprefix("props."), value.text)
    return any(
        form in _CLOSED and is_shown(carrier, name, value.text)
        for name, form in CARRIERS[carrier].items()
    )


_CLOSED: Final = frozenset({"vnc|spice", r"secret(?:_keyring)?|tls-[\w-]+", "raw|base64"})
"""The forms that leave no room for anything else."""


def _argument(command: str, word: Word, context: JsonObject, *, is_known: bool) -> Iterator[Edit]:
    """Yield what to show in place of a word's value, if not itself."""
    value: JsonValue = word.value.text
    if word.value.kind == "json":
        value = free_json(word.value)
    path = word.name.split(".") if word.name is not None else []
    nested = {**context, **_nested(path, value)} if context else _nested(path, value)
    shown = redact_arguments(command, nested, is_known=is_known)
    if shown is not nested:
        inner = _within(shown, path)
        is_text = isinstance(inner, str) and (inner == REDACTED or word.value.kind == "plain")
        yield Edit(word.value.start, word.end, str(inner) if is_text else _dumped(inner))


def _dumped(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _nested(path: Sequence[str], value: JsonValue) -> JsonObject:
    if not path and isinstance(value, dict):
        return value
    for name in reversed(path or ["0"]):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def _within(value: JsonValue, path: Sequence[str]) -> JsonValue:
    for name in path or (["0"] if isinstance(value, dict) and value.keys() == {"0"} else []):
        if not isinstance(value, dict) or name not in value:
            return REDACTED
        value = value[name]
    return value


def _message(word: Word) -> Iterator[Edit]:
    value = free_json(word.value)
    shown = redact_message(value)
    if shown is not value:
        yield Edit(word.value.start, word.end, _dumped(shown))
