"""The words behind a command as its arguments: ``name=value``, or one JSON object.

A value is JSON if it parses as JSON, else text; ``name:=text`` is text whatever it looks like.
Dots nest: ``a.b=1`` is ``{"a": {"b": 1}}``, and where all names of a level are numbers it is a
list: ``a.0=x a.1=y`` is ``{"a": ["x", "y"]}``.
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
"""Plain values that may be text or something else; all others are text whatever the schema says."""


def read_arguments(words: Sequence[str]) -> JsonObject:
    """Make a command's arguments of the words behind its name.

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
    """Return whether words are one JSON object."""
    return len(words) == 1 and words[0].lstrip().startswith("{")


def to_words(words: Sequence[str]) -> list[Word]:
    """Take words of a command line for those of a statement.

    Raises:
        UsageError: If one isn't UTF-8.
    """
    for word in words:
        check_text(word)
    return [_word(word) for word in words]


def is_ambiguous(word: Word) -> bool:
    """Return whether it takes a schema to know what a word means."""
    is_plain = word.value.kind == "plain" and not word.is_text
    return is_plain and _SEVERAL_MEANINGS.fullmatch(word.value.text) is not None


def free_arguments(words: Sequence[Word]) -> JsonObject:
    """Return what words mean where no schema says it.

    Raises:
        UsageError: If they make no sense.
    """
    try:
        return untyped_object(build_tree(words))
    except InputError as input_error:
        raise UsageError(input_error.reason) from input_error


def read_object(text: str | bytes) -> JsonObject:
    """Read one JSON object.

    Raises:
        UsageError: If it is none.
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
    """Return a word of a command line, quotes in which the system's shell has taken away."""
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
    """Tell plain text from JSON: a string in quotes, an object, a list."""
    if text[:1] in ('"', "{", "["):
        try:
            value: JsonValue = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return "plain", text
        return ("quoted", value) if isinstance(value, str) else ("json", text)
    return "plain", text
