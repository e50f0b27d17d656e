"""Clients and commands of a policy's questions, read from words."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from qmpeer.cli import argument_words
from qmpeer.cli.exits import UsageError
from qmpeer.messages import CommandMessage
from qmpeer.policy.mistakes import did_you_mean
from qmpeer.policy.rules import PolicyClient, Who
from qmpeer.policy.who_tables import example_client, group_number, user_number
from qmpeer.schema import Schema
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.typed_arguments import ArgumentReader
from qmpeer.values import JsonObject

_CLIENT: Final = ("listener", "uid", "gid", "certificate")


def read_client(word: str, who: Mapping[str, Who]) -> PolicyClient:
    """Read a client: the name of a table, or listener=NAME,uid=USER,gid=GROUP,certificate=NAME.

    The certificate is the last one, as its name has commas.

    Raises:
        UsageError: If it is neither.
    """
    if word in who:
        return example_client(who[word])
    if "=" not in word:
        hint = did_you_mean(word, who)
        known = ", ".join([*who, "listener=NAME,uid=USER,gid=GROUP,certificate=NAME"])
        raise UsageError(f"found {word!r}, expected one of {known}{hint}")
    given: dict[str, str] = {}
    rest = word
    while rest:
        key, equals, rest = rest.partition("=")
        if key not in _CLIENT or not equals or key in given:
            hint = "" if key in given else did_you_mean(key, _CLIENT)
            found = f"{key!r} again" if key in given else repr(key)
            raise UsageError(f"found {found}, expected one of {', '.join(_CLIENT)}{hint}")
        if key == "certificate":
            given[key], rest = rest, ""
        else:
            given[key], _, rest = rest.partition(",")
    return PolicyClient(
        listener=given.get("listener", ""),
        uid=_number(given["uid"], "user", user_number(given["uid"])) if "uid" in given else None,
        gid=_number(given["gid"], "group", group_number(given["gid"])) if "gid" in given else None,
        certificate=given.get("certificate"),
    )


def _number(word: str, kind: str, found: int | None) -> int:
    if found is None and not (word.isascii() and word.isdecimal()):
        raise UsageError(f"found {word!r}, which is no {kind} of this machine")
    return int(word) if found is None else found


def read_command(words: Sequence[str], schema: Schema | None) -> CommandMessage:
    """Read a command: as `qmpeer exec` reads it, or an object with execute and arguments.

    Args:
        words: The words, or one text with all of them.
        schema: Decides the types of values; None if there is none.

    Raises:
        UsageError: If it is no command.
    """
    if len(words) == 1:
        if words[0].lstrip().startswith("{"):
            return command_in(argument_words.read_object(words[0]))
        try:
            words = shlex.split(words[0])
        except ValueError as error:  # a quotation without an end
            raise UsageError(f"found {words[0]!r}: {str(error).lower()}") from None
    if not words:
        raise UsageError("found nothing, expected a command")
    name, *typed = words
    if typed and schema is not None and not argument_words.is_object(typed):
        declared = next((each for each in schema.commands() if each.name == name), None)
        if declared is not None:
            read = argument_words.to_words(typed)
            try:
                return CommandMessage(name, ArgumentReader(schema).arguments(declared, read))
            except InputError as error:
                raise UsageError(str(error)) from error
    return CommandMessage(name, argument_words.read_arguments(typed) if typed else None)


def command_in(value: JsonObject) -> CommandMessage:
    """Read a command that is an object.

    Raises:
        UsageError: If it isn't one.
    """
    name, arguments = value.get("execute", value.get("exec-oob")), value.get("arguments")
    if not isinstance(name, str) or not value.keys() <= {"execute", "exec-oob", "arguments", "id"}:
        raise UsageError('found no command, expected {"execute": NAME, "arguments": {…}}')
    if arguments is not None and not isinstance(arguments, dict):
        raise UsageError("found arguments that are no object, expected an object")
    return CommandMessage(name, arguments)
