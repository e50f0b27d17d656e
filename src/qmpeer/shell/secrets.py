"""Lines without their secrets, for history.

What a line says is found as it is for execution, and the one table of secrets decides. A line that
can't be read is given up as a whole if it could hold one.
"""

import json
import re
from collections.abc import Collection, Sequence
from operator import is_
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
_SECRET_OBJECT: Final = "secret"
_HARMLESS: Final = frozenset({"qom-type", "id", "file", "format", "keyid", "iv", "loaded", "props"})
"""What may be shown of an object that is a secret: one of its data would be another's misspelt."""
_OWN: Final = frozenset(
    {"help", "events", "set", "wait", "job", "record", "source", "save", "exit"}
)
_HUMAN_SECRET: Final = re.compile(r"(?s)(\bsecret,).+")
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
        if not _is_readable(statement):
            return None if _SUSPECT.search(text) or _SECRET_OBJECT in text else text
        parts += [text[at : statement.start], _statement(text, statement, commands)]
        at = statement.end
    return "".join([*parts, text[at:]])


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


def _human(line: str) -> str:
    shown = redact_arguments("human-monitor-command", {"command-line": line})
    assert shown is not None
    said = _OBJECT_ADD.sub(rf"\1={REDACTED}", str(shown["command-line"]))
    return _HUMAN_SECRET.sub(rf"\1{REDACTED}", said)


def _statement(text: str, statement: Statement, commands: Collection[str]) -> str:
    words = statement.words
    said = text[statement.start : statement.end]
    if statement.raw is not None:
        if words[0].value.text != "hmp" or not statement.raw:
            return said
        return f"hmp {_human(statement.raw)}"
    first = words[0]
    if first.name is None and first.value.kind == "json":
        return _message(said, first, commands)
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
        is_known = command in known
        is_secret = _may_make_objects(command, known) and any(
            word.value.text == _SECRET_OBJECT for word in words
        )
        for word in words:
            shown = _word(command, word, is_known)
            if is_secret and not _is_harmless(word):
                shown = REDACTED
            if shown is not None:
                parts += [text[at : word.value.start], shown]
                at = word.end
    return "".join([*parts, text[at : statement.end]])


def _may_make_objects(command: str, known: Collection[str]) -> bool:
    """Return whether a command is the one that makes objects, or may be it, misspelt."""
    return command == "object-add" or command not in known


def _is_harmless(word: Word) -> bool:
    """Return whether a word of an object that is a secret may be shown."""
    if word.value.kind == "json":
        return False
    names = [] if word.name is None else word.name.split(".")
    return word.value.text == _SECRET_OBJECT or (bool(names) and _HARMLESS.issuperset(names))


def _without_secret_objects(value: JsonValue) -> JsonValue:
    """Return JSON with the objects blanked that are secrets; the same where there are none."""
    if isinstance(value, list):
        items = [_without_secret_objects(item) for item in value]
        return value if all(map(is_, items, value)) else items
    if not isinstance(value, dict):
        return value
    if _SECRET_OBJECT not in value.values():
        members = {name: _without_secret_objects(member) for name, member in value.items()}
        return value if all(map(is_, members.values(), value.values())) else members
    return {
        name: member
        if member == _SECRET_OBJECT or (name in _HARMLESS and not isinstance(member, dict | list))
        else REDACTED
        for name, member in value.items()
    }


def _word(command: str, word: Word, is_known: bool) -> str | None:
    """Return what to show for the value of a word; None for itself."""
    if word.name is None:
        if word.value.kind != "json":
            return None
        value = free_json(word.value)
        shown: JsonValue = redact_arguments(command, value) if isinstance(value, dict) else value
        if command == "object-add" or not is_known:
            shown = _without_secret_objects(shown)
        return None if shown is value else json.dumps(shown, ensure_ascii=False)
    path = word.name.split(".")
    if not is_known and any(name in _LAST_NAMES for name in path):
        return REDACTED
    value = free_json(word.value) if word.value.kind == "json" else word.value.text
    nested: JsonObject = _nested(path, value)
    shown = redact_arguments(command, nested)
    if word.value.kind == "json" and (command == "object-add" or not is_known):
        shown = _without_secret_objects(shown)
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


def _message(said: str, word: Word, commands: Collection[str]) -> str:
    value = free_json(word.value)
    shown = redact_message(value)
    name = value.get("execute", value.get("exec-oob")) if isinstance(value, dict) else None
    if _may_make_objects(str(name), commands):
        shown = _without_secret_objects(shown)
    return said if shown is value else json.dumps(shown, ensure_ascii=False)
