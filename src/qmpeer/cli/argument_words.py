"""Command arguments written as words: ``name=value``, or one JSON object.

A value is JSON if it parses as JSON, else text; ``name:=text`` is always text.
Dots nest: ``a.b=1`` is ``{"a": {"b": 1}}``. A level whose names are all numbers is a list:
``a.0=x a.1=y`` is ``{"a": ["x", "y"]}``.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from qmpeer.cli.command_line import check_text
from qmpeer.cli.exits import UsageError
from qmpeer.messages.client import json_kind
from qmpeer.on_off import WHOLE_WORDS
from qmpeer.shell.argument_tree import build_tree, untyped_object
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.words import Kind, Value, Word
from qmpeer.values import JsonObject, JsonValue

_SEVERAL_MEANINGS: Final = re.compile(rf"[+-]?\.?[0-9].*|null|{'|'.join(WHOLE_WORDS)}", re.I | re.S)
"""Plain values whose type the schema must decide; all others are text in any schema."""


def read_arguments(words: Sequence[str]) -> JsonObject:
    """Return a command's arguments from the words after its name.

    Raises:
        UsageError: If the words are neither one JSON object nor all ``name=value``, or if they
            contradict each other.

    Example:
        >>> read_arguments(["driver=null-co", "size=4096", "cache.direct=true", "node-name:=1"])
        {'driver': 'null-co', 'size': 4096, 'cache': {'direct': True}, 'node-name': '1'}
    """
    if is_object(words):
        return read_object(words[0])
    return free_arguments(to_words(words)) if words else {}


def is_object(words: Sequence[str]) -> bool:
    """Return whether the words are one JSON object."""
    return len(words) == 1 and words[0].lstrip().startswith("{")


def to_words(words: Sequence[str]) -> list[Word]:
    """Convert words of a command line to words of a shell statement.

    Raises:
        UsageError: If a word isn't UTF-8.
    """
    for word in words:
        check_text(word)
    return [_word(word) for word in words]


def is_ambiguous(word: Word) -> bool:
    """Return whether a word's type depends on the schema."""
    is_plain = word.value.kind == "plain" and not word.is_text
    return is_plain and _SEVERAL_MEANINGS.fullmatch(word.value.text) is not None


def free_arguments(words: Sequence[Word]) -> JsonObject:
    """Return the arguments that words stand for without a schema.

    Raises:
        UsageError: If the words contradict each other.
    """
    try:
        return untyped_object(build_tree(words))
    except InputError as input_error:
        raise UsageError(input_error.reason) from input_error


def read_object(text: str | bytes) -> JsonObject:
    """Parse one JSON object.

    Raises:
        UsageError: If the text isn't JSON, or isn't an object.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UsageError(f"found arguments that are not JSON: {error}") from error
    except RecursionError as error:
        raise UsageError("found arguments that are nested too deep") from error
    if not isinstance(value, dict):
        raise UsageError(f"found arguments that are {json_kind(value)}, expected a JSON object")
    return value


def _word(word: str) -> Word:
    """Return a statement's word for one of the command line.

    The system's shell has removed its own quotes, so quotes that remain belong to the value.
    """
    name, equals, text = word.partition("=")
    if not equals:
        return Word(None, Value("plain", word, 0, len(word)), 0)
    is_text = name.endswith(":")
    kind: Kind = "plain"
    if not is_text:
        kind, text = _kind_and_text(text)
    value = Value(kind, text, len(name) + 1, len(word))
    return Word(name.removesuffix(":"), value, 0, is_text)


def _kind_and_text(text: str) -> tuple[Kind, str]:
    """Classify a value: a quoted JSON string, a JSON object or list, or else plain text."""
    if text[:1] in ('"', "{", "["):
        try:
            value: JsonValue = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return "plain", text
        return ("quoted", value) if isinstance(value, str) else ("json", text)
    return "plain", text
