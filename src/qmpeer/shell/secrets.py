"""Lines without their secrets, for history.

What a line says is found as it is for execution, and the one table of secrets decides. A line that
can't be read is given up as a whole if it could hold one.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Final

from qmpeer.messages.redaction import REDACTED, SECRETS, redact_arguments, redact_message
from qmpeer.shell.argument_tree import free_json
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.words import Statement, Word, split
from qmpeer.values import JsonObject, JsonValue

__all__ = ["without_secrets"]

_LAST_NAMES: Final = frozenset(
    name for _, path in SECRETS for name in path[-2:] if name not in ("*", "**", "props", "env")
)
_SUSPECT: Final = re.compile("|".join(sorted(_LAST_NAMES)), re.I)
_OWN: Final = frozenset(
    {"help", "events", "set", "wait", "job", "record", "source", "save", "exit"}
)
_OBJECT_ADD: Final = re.compile(r"(?i)\b(data|password)=(?:[^,\s]|,,)+")


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
    if is_human:
        return _human(text)
    parts, at = [], 0
    for statement in split(text):
        if statement.is_open or statement.mistake is not None:
            return None if _SUSPECT.search(text) else text
        parts += [text[at : statement.start], _statement(text, statement, commands)]
        at = statement.end
    return "".join([*parts, text[at:]])


def _human(line: str) -> str:
    shown = redact_arguments("human-monitor-command", {"command-line": line})
    assert shown is not None
    return _OBJECT_ADD.sub(rf"\1={REDACTED}", str(shown["command-line"]))


def _statement(text: str, statement: Statement, commands: Collection[str]) -> str:
    words = statement.words
    said = text[statement.start : statement.end]
    if statement.raw is not None:
        if words[0].value.text != "hmp" or not statement.raw:
            return said
        return f"hmp {_human(statement.raw)}"
    first = words[0]
    if first.name is None and first.value.kind == "json":
        return _message(said, first)
    if statement.breaks:
        return _transaction(text, statement, commands)
    if first.value.text in ("oob", "execute") and len(words) > 1:
        words = words[1:]
    if words[0].value.text in _OWN and words[0].value.text not in commands:
        return said
    return _replaced(text, statement, [(words[0].value.text, words[1:])], commands)


def _transaction(text: str, statement: Statement, commands: Collection[str]) -> str:
    starts = [*sorted(at for at in statement.breaks if at < len(statement.words))]
    actions = [
        statement.words[start:end]
        for start, end in zip(starts, [*starts[1:], len(statement.words)], strict=True)
    ]
    named = [(action[0].value.text, action[1:]) for action in actions if action]
    return _replaced(text, statement, named, commands)


def _replaced(
    text: str,
    statement: Statement,
    commands: Sequence[tuple[str, Sequence[Word]]],
    known: Collection[str],
) -> str:
    parts, at = [], statement.start
    for command, words in commands:
        for word in words:
            shown = _word(command, word, command in known)
            if shown is not None:
                parts += [text[at : word.value.start], shown]
                at = word.end
    return "".join([*parts, text[at : statement.end]])


def _word(command: str, word: Word, is_known: bool) -> str | None:
    """Return what to show for the value of a word; None for itself."""
    if word.name is None:
        if word.value.kind != "json":
            return None
        value = _json(word)
        shown = redact_arguments(command, value) if isinstance(value, dict) else value
        return None if shown is value else json.dumps(shown, ensure_ascii=False)
    path = word.name.split(".")
    if not is_known and any(name in _LAST_NAMES for name in path):
        return REDACTED
    value = _json(word) if word.value.kind == "json" else word.value.text
    nested: JsonObject = _nested(path, value)
    shown = redact_arguments(command, nested)
    if shown is nested or shown is None:
        return None
    inner = _within(shown, path)
    return REDACTED if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)


def _nested(path: Sequence[str], value: JsonValue) -> JsonObject:
    for name in reversed(path):
        value = [value] if name.isdecimal() else {name: value}
    return value if isinstance(value, dict) else {"0": value}


def _within(value: JsonValue, path: Sequence[str]) -> JsonValue:
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and value:
            value = value[0]
        else:
            return REDACTED
    return value


def _json(word: Word) -> JsonValue:
    try:
        return free_json(word.value)
    except Mistake:
        return None


def _message(said: str, word: Word) -> str:
    value = _json(word)
    shown = redact_message(value)
    return said if shown is value else json.dumps(shown, ensure_ascii=False)
