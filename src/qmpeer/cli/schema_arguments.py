"""Command arguments read by the connected server's schema, and hints about refused commands.

The schema and the types of properties decide a value's type, as in the shell: ``serial=123`` is
text, ``size=64M`` a number. The schema is queried only if a word can be read in several ways.
Without a schema, a value is JSON if it parses as JSON, else text.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.cli.argument_words import to_words
from qmpeer.cli.exits import RefusedError, UsageError
from qmpeer.client import Client
from qmpeer.errors import CommandError, QMPError
from qmpeer.messages.redaction import redact_arguments
from qmpeer.schema import Schema, schema_from_introspection
from qmpeer.schema.model import CommandDefinition
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.properties import (
    PropertyQuery,
    missing_property,
    property_names,
    property_queries,
    typed_values,
    with_properties,
)
from qmpeer.shell.suggestions import did_you_mean
from qmpeer.shell.typed_arguments import ArgumentReader
from qmpeer.shell.words import Word
from qmpeer.values import JsonObject, JsonValue

Ask: TypeAlias = Callable[..., JsonValue]
"""Executes a command: `Client.execute`."""
_WRONG_TYPE: Final = re.compile(
    r"Invalid parameter type for '([^']+)'|Parameter '([^']+)' expects "
)
_SHOWN: Final = 100
"""The most characters of a value that a hint shows."""


def read_by_server(client: Client, command: str, typed: Sequence[str]) -> JsonObject | None:
    """Return the arguments that name=value words stand for; None if the server has no schema.

    Raises:
        UsageError: If the words contradict each other.
        RefusedError: If the server would refuse them.
        QMPError: If the connection ends.
        TimeoutError: If the server doesn't answer.
    """
    words = to_words(typed)
    declared = _declared(client.execute, command, words)
    try:
        return declared and ArgumentReader(declared[0]).arguments(declared[1], words)
    except InputError as input_error:
        raise (UsageError if input_error.is_syntax else RefusedError)(
            str(input_error)
        ) from input_error


def _declared(
    ask: Ask, command: str, words: Sequence[Word]
) -> tuple[Schema, CommandDefinition] | None:
    """Query the schema and the command's properties; None if the schema lacks the command."""
    schema = _schema(ask)
    if schema is None:
        return None
    found = next((each for each in schema.commands() if each.name == command), None)
    if found is None:
        return None
    given_values = typed_values(words)
    answers: dict[PropertyQuery, JsonValue] = {}
    for question in property_queries(schema, found, given_values):
        answer = _answer(ask, question.command, question.arguments)
        if answer is not None:  # the questions are alternatives: the first answer is enough
            answers[question] = answer
            break
    return with_properties(schema, found, given_values, answers.get)


def _schema(ask: Ask) -> "Schema | None":
    answer = _answer(ask, "query-qmp-schema")
    try:
        return None if answer is None else schema_from_introspection(answer)
    except QMPError:
        return None


def _answer(ask: Ask, command: str, arguments: JsonObject | None = None) -> JsonValue:
    """Return a command's return value; None if the server returns an error."""
    try:
        return ask(command, arguments)
    except CommandError:
        return None


# --- Refusals -----------------------------------------------------------------------------------


def explain(
    client: Client,
    command: str,
    typed: Sequence[str],
    arguments: JsonObject | None,
    error: CommandError,
    *,
    may_ask: bool = True,
) -> Iterator[str]:
    """Yield hints about a command that the server refused.

    Args:
        client: The connection.
        command: The command's name.
        typed: Its arguments as words; empty if they came as JSON.
        arguments: The arguments as they were sent.
        error: The server's error.
        may_ask: True if further queries may be sent. Without an answer there are fewer hints.
    """
    if wrong := _WRONG_TYPE.search(error.desc):
        yield from _what_was_sent(wrong[1] or wrong[2], typed, redact_arguments(command, arguments))
    if not may_ask:
        return
    timeout = min(limits.CONNECT_TIMEOUT, client.command_timeout or limits.CONNECT_TIMEOUT)
    ask = partial(client.execute, timeout=timeout)
    with suppress(QMPError, TimeoutError):
        if error.error_class == "CommandNotFound":
            yield from _names_like(ask, command)
        elif typed and client.greeting is not None:
            words = to_words(typed)
            if declared := _declared(ask, command, words):
                yield from _declared_otherwise(*declared, words, error)


def _declared_otherwise(
    schema: Schema, command: CommandDefinition, words: Sequence[Word], error: CommandError
) -> Iterator[str]:
    """Yield names in the schema that are close to the refused one."""
    if missing := missing_property(error.desc):
        if hint := did_you_mean(missing, property_names(schema)):
            yield hint
        return
    try:
        ArgumentReader(schema).arguments(command, words)
    except InputError as input_error:
        if input_error.hint and input_error.reason == error.desc:
            yield input_error.hint


def _names_like(ask: Ask, command: str) -> Iterator[str]:
    """Yield a hint that lists commands with names close to an unknown one."""
    answer = _answer(ask, "query-commands")
    if answer is None and isinstance(info := _answer(ask, "guest-info"), dict):
        answer = info.get("supported_commands")
    entries = (
        [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []
    )
    names = [name for each in entries if isinstance(name := each.get("name"), str)]
    # A replay, too, says that a command isn't found, of one that it lists.
    if command not in names and (hint := did_you_mean(command, names)):
        yield hint


def _what_was_sent(path: str, typed: Sequence[str], arguments: JsonObject | None) -> Iterator[str]:
    """Yield a hint that shows the value of the wrong type, and how to send it as text."""
    names = re.findall(r"[^.\[\]]+", path)
    value: JsonValue = arguments
    for name in names:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return
    text = msgspec.json.encode(value).decode()
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    words = {word.name: word.value.text for word in to_words(typed)}
    word = words.get(".".join(names))
    if word is not None and not isinstance(value, str) and len(word) <= _SHOWN:
        yield f"sent {path} as {shown}; {'.'.join(names)}:={word} sends text"
    else:
        yield f"sent {path} as {shown}"
