"""Lines without secrets, for history and for error reports.

`qmpeer.shell.lines` tells the kinds of lines apart. `_edits_of` has the rule for each kind, and
`qmpeer.messages.redaction` decides what is a secret:

- messages, commands and actions of a transaction: all except their secrets;
- a built-in: the part that its record's history rule names;
- a line that is unfinished or can't be read: the whole line if nothing in it could be a secret.
  Otherwise nothing of the whole text is kept, since the line may not end where the user meant it
  to. A line whose only error is that no command comes first is treated as an unknown command.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final, NamedTuple, assert_never

from msgspec import structs

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
    simple_name,
)
from qmpeer.shell.argument_tree import parse_json
from qmpeer.shell.builtins import BUILTINS, line_of, split
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.lines import (
    BuiltinLine,
    HistoryRule,
    Invocation,
    Line,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.words import Form, Statement, Word
from qmpeer.values import JsonObject, JsonValue

_NAMES: Final = frozenset().union(*SECRETS.values())
_FILE_NAME: Final = re.compile(r"[\w.~+-]*[./][\w.~/+-]*|[A-Za-z_-]+|[a-z]+[-_]?\d{1,4}")
"""Words that look like a file's name, and not like a pasted password."""
_REDACTIONS: Final = {HistoryRule.HUMAN_LINE: redact_human_line, HistoryRule.TEXT: redact_text}
"""The functions that redact a built-in's text; other texts are redacted as a whole."""
_GLUED: Final = re.compile(r"([\w-]+)[:,;]")
_TOKEN: Final = re.compile(r"(?:[\w-]|\\u[0-9a-fA-F]{4})+")
_COMMENT: Final = re.compile(r"(?<!\S)#[^\n]*")


class Edit(NamedTuple):
    """A replacement for a part of a text."""

    start: int
    end: int
    shown: str


def without_secrets(
    text: str, commands: Collection[str] = (), *, is_human: bool = False
) -> str | None:
    """Return a line with its secrets redacted; None if the line must not be stored at all.

    Args:
        text: The typed text.
        commands: The names of the server's commands. Any other name may be a misspelt command, so
            all its arguments that are named like a secret are redacted.
        is_human: True if the line is for the human monitor.

    Example:
        >>> without_secrets("set_password protocol=vnc password=x", ["set_password"])
        'set_password protocol=vnc password=<redacted>'
    """
    edits = _human_edits(text) if is_human else _edits(text, commands)
    return None if edits is None else _applied(text, edits)


class RedactedStatement(NamedTuple):
    """A statement without its secrets, with the offsets of an error in it.

    Attributes:
        text: The statement, redacted.
        start: Offset of the error in the redacted text.
        end: Offset of the error's end.
        scrubber: Removes the same secrets from messages about the statement.
    """

    text: str
    start: int
    end: int
    scrubber: Scrubber


def redacted_statement(text: str, start: int, end: int) -> RedactedStatement | None:
    """Return a redacted text, with two offsets adapted; None if it must not be shown at all."""
    edits = _edits(text, ()) if len(text) <= limits.SHELL_SHOWN else None
    if edits is None:
        return None
    scrubber = Scrubber()
    for edit in edits:
        scrubber.blanked(text[edit.start : edit.end], edit.shown)
    places = [_moved(start, edits), _moved(end, edits)]
    return RedactedStatement(_applied(text, edits), places[0], max(places), scrubber)


def _moved(place: int, edits: Sequence[Edit]) -> int:
    """Return an offset in the edited text; an offset within an edit becomes the edit's start."""
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
    """Return the edits of a text; None if nothing of it may be kept."""
    edits: list[Edit] = []
    may_hold_secrets = None  # computed when first needed: it looks at each word
    for statement in split(text):
        found = _edits_of(line_of(statement, commands), text, commands)
        if found is not None:
            edits += found
            continue
        if may_hold_secrets is None:
            may_hold_secrets = _is_suspect(text)
        if may_hold_secrets:
            return None
    edits += list(_comments(text, edits))
    return sorted(edits, key=itemgetter(0))


def _edits_of(line: Line, text: str, commands: Collection[str]) -> Iterable[Edit] | None:
    """Return the edits of a line; None if the line can't be read, so that they aren't known."""
    if not _has_readable_json(line.statement):
        return None
    words = line.statement.words
    match line:
        case Messages():
            return [edit for word in words for edit in _message(word)]
        case Invocation() if (
            _is_prefix(words[0]) and len(words) > 1
        ):  # a server with a command "oob"
            return _edits_of(line_of(_behind_prefixes(line.statement), commands), text, commands)
        case Invocation(command=command) if command.value.text.startswith("!"):
            return [Edit(command.start, words[-1].end, REDACTED)]  # behind a prefix, not a command
        case Invocation(command=command, arguments=arguments):
            return _invocation(command, arguments, commands)
        case Transaction() if not line.statement.breaks:  # behind a prefix or in quotes: no block
            return [Edit(words[1].start, words[-1].end, REDACTED)] if len(words) > 1 else []
        case Transaction(actions=actions):
            return [edit for action in actions for edit in _action(text, action, commands)]
        case BuiltinLine():
            return _own(line, text)
        case Unfinished():
            return None
        case Unreadable(lacks_command=True) if words[0].name is None:
            name = words[0].value.text
            if _TOKEN.fullmatch(name) is None and name not in BUILTINS:
                return None  # not a name, perhaps a whole line in quotes
            return _edits_of(line_of(_unquoted(line.statement), commands), text, commands)
        case Unreadable(lacks_command=True):
            return _command("", words, commands)
        case Unreadable():
            return None
        case never:
            assert_never(never)


def _has_readable_json(statement: Statement) -> bool:
    try:
        for word in statement.words:
            if word.value.kind == "json":
                parse_json(word.value)
    except InputError:
        return False
    return True


def _is_suspect(text: str) -> bool:
    """Return whether a text that can't be read may contain a secret."""
    names = {found[0] for found in _TOKEN.finditer(text)}
    return redact_text(text) != text or any(
        is_secret_name(name) or name in _NAMES or carrier_of(name) for name in names
    )


def _comments(text: str, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield edits for comments that may contain secrets, outside of the other edits."""
    starts = [edit.start for edit in edits]
    for found in _COMMENT.finditer(text):
        begun = bisect_left(starts, found.end())
        is_edited = begun > 0 and edits[begun - 1].end > found.start()
        if not is_edited and _is_suspect(found[0]):
            yield Edit(found.start(), found.end(), f"# {REDACTED}")


def _unquoted(statement: Statement) -> Statement:
    """Return a statement with the quotes of its first word removed."""
    first, *others = statement.words
    value = structs.replace(first.value, kind="plain")
    words = (structs.replace(first, value=value), *others)
    return Statement(words, statement.start, statement.end)


def _behind_prefixes(statement: Statement) -> Statement:
    """Return the statement behind one or more prefixes, ``oob`` or ``execute``."""
    words, count = statement.words, 1
    while count < len(words) - 1 and _is_prefix(words[count]):
        count += 1
    return Statement(words[count:], words[count].start, statement.end)


def _is_prefix(word: Word) -> bool:
    found = BUILTINS.get(word.value.text) if word.name is None else None
    return found is not None and found.form in (Form.COMMAND, Form.OOB_COMMAND)


def _invocation(
    command: Word, arguments: Sequence[Word], commands: Collection[str]
) -> Iterator[Edit]:
    name = command.value.text
    glued = _GLUED.match(name)
    if glued and (carrier_of(glued[1]) or is_secret_name(glued[1])):
        end = arguments[-1].end if arguments else command.end
        yield Edit(command.start + glued.end(), end, REDACTED)
    else:
        yield from _command(name, arguments, commands)


def _action(text: str, words: Sequence[Word], commands: Collection[str]) -> Iterator[Edit]:
    """Yield the edits of an action, or of another statement typed in its place."""
    start, end = words[0].start, words[-1].end
    if words[0].value.text.startswith("transaction("):
        yield Edit(start, end, REDACTED)
        return
    edits = _edits(text[start:end], commands)
    for edit in [Edit(0, end - start, REDACTED)] if edits is None else edits:
        yield Edit(start + edit.start, start + edit.end, edit.shown)


def _own(line: BuiltinLine, text: str) -> Iterator[Edit]:
    """Yield the edits of a line with a built-in, by its history rule."""
    rule = line.word.history_rule
    if line.text:
        start = text.rindex(line.text, line.statement.start, line.statement.end)
        redact = _REDACTIONS.get(rule)
        shown = REDACTED if redact is None else redact(line.text)
        if shown != line.text:
            yield Edit(start, start + len(line.text), shown)
    for at, word in enumerate(line.words):
        is_name = rule is HistoryRule.NAME or (
            rule is HistoryRule.FILE and _FILE_NAME.fullmatch(word.value.text) is not None
        )
        if rule is HistoryRule.ARGUMENTS or (is_name and at == 0):
            yield from _argument("", word, {}, is_known=True)
        else:
            yield Edit(word.value.start, word.end, REDACTED)


def _command(command: str, words: Sequence[Word], commands: Collection[str]) -> Iterator[Edit]:
    is_known = command in commands
    is_line = all(word.name is None and word.value.kind != "json" for word in words)
    if simple_name(command) == "human-monitor-command" and is_line:
        line = " ".join(word.value.text for word in words)
        if redact_human_line(line) != line:
            yield Edit(words[0].start, words[-1].end, redact_human_line(line))
        return
    carrier = carrier_of(command) if not is_known or simple_name(command) in CARRIERS else None
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


def _plain_type(words: Sequence[Word]) -> JsonObject:
    """Return the member with the type of an object that holds no secrets; {} for other objects."""
    for word in words:
        if word.name in ("qom-type", "qom_type") and is_plain_object(word.value.text):
            return {"qom-type": word.value.text}
    return {}


def _is_harmless(carrier: str, word: Word) -> bool:
    """Return whether a word may be shown, in a command that may carry a secret."""
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
"""Patterns that match a fixed set of words, so that a secret can't match them."""


def _argument(command: str, word: Word, context: JsonObject, *, is_known: bool) -> Iterator[Edit]:
    """Yield the edit of a word's value, if it contains a secret."""
    value: JsonValue = word.value.text
    if word.value.kind == "json":
        value = parse_json(word.value)
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
    value = parse_json(word.value)
    shown = redact_message(value)
    if shown is not value:
        yield Edit(word.value.start, word.end, _dumped(shown))
