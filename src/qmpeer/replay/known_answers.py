"""The answers that every client may ask for, found in the recording or derived from it.

====================  ==============================================================================
what                  where it comes from, the first that there is
====================  ==============================================================================
the greeting          the conversation's own; the recorded `query-version`, with out-of-band
                      execution offered if a command of the recording uses it, or from QEMU 3.0 on;
                      the greeting of another conversation; `DEFAULT_VERSION`
query-version         any conversation's; the greeting; `DEFAULT_VERSION`
query-qmp-schema      any conversation's
query-commands        any conversation's; the names of the commands in the recorded schema, newest
                      first as in QEMU; the names of the recorded commands
====================  ==============================================================================

A guest agent greets nobody: a recording without greeting, in which every command's name begins with
``guest-``, is replayed without greeting and negotiation.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from qmpeer.messages import (
    CAPABILITIES,
    CAPABILITIES_COMMAND,
    QemuVersion,
    Version,
    greeting_message,
    parse_greeting,
    version_value,
)
from qmpeer.replay.conversations import Conversation, Exchange, RecordedReply
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType

DEFAULT_VERSION: Final = Version(QemuVersion(7, 2, 0))
"""The version in the greeting if the recording has none."""
_OOB_SINCE: Final = QemuVersion(3, 0, 0)
"""QEMU offers out-of-band execution since then."""
_DERIVED: Final = ("query-version", "query-commands", "query-qmp-schema")


class KnownAnswers:
    """The facts about its server that the recording holds as a whole.

    Args:
        conversations: All conversations of the recording.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._exchanges = [each for one in conversations for each in one.exchanges]
        self._greetings = [one.greeting for one in conversations if one.greeting is not None]
        found = _replies(self._exchanges, "query-version")
        self._version = next(map(_version, found), None)
        self._answers = dict(self._derived())
        self._commands, self._commands_place = self._known_commands()

    def get(self, name: str) -> JsonValue | UnsetType:
        """Return the answer to a command without arguments; UNSET if there is none."""
        return self._answers.get(name, UNSET)

    def absence(self, name: str) -> str:
        """Return a sentence if the recorded server had no such command at all, else "".

        Then the recording is of another release than the client was made for.
        """
        if not self._commands or name in self._commands:
            return ""
        version = _version(self._answers["query-version"]).qemu
        release = f"{version.major}.{version.minor}.{version.micro}"
        return f"the recorded server, QEMU {release}, has no such command ({self._commands_place})"

    def _known_commands(self) -> tuple[frozenset[str], str]:
        """Return the names of all of the server's commands, and where they are recorded."""
        for name, names_in in (("query-commands", _names_in), ("query-qmp-schema", _commands_in)):
            for each in self._exchanges:
                for reply in _replies([each], name):
                    return frozenset(names_in(reply)), str(each.place)
        return frozenset(), ""

    def greeting(self, conversation: Conversation) -> JsonObject | None:
        """Return the greeting for a conversation; None for a guest agent's."""
        if conversation.greeting is not None:
            return conversation.greeting
        names = [each.command.name for each in conversation.exchanges]
        if names and all(name.startswith("guest-") for name in names):
            return None
        own = map(_version, _replies(conversation.exchanges, "query-version"))
        known = next(own, self._version)
        if known is None and self._greetings:
            return self._greetings[0]
        version = known or DEFAULT_VERSION
        uses_oob = any(each.command.is_oob for each in conversation.exchanges)
        has_oob = uses_oob or (known is not None and version.qemu >= _OOB_SINCE)
        return greeting_message(version, CAPABILITIES if has_oob else ())

    def _derived(self) -> Iterator[tuple[str, JsonValue]]:
        for name in _DERIVED:
            for reply in _replies(self._exchanges, name):
                yield name, reply
                break
            else:
                value = self._derive(name)
                if not isinstance(value, UnsetType):
                    yield name, value

    def _derive(self, name: str) -> JsonValue | UnsetType:
        if name == "query-version":
            greetings = [parse_greeting(each.get("QMP")) for each in self._greetings]
            versions = (each.version for each in greetings if each.version is not None)
            return version_value(next(versions, DEFAULT_VERSION))
        if name == "query-commands":
            schema = next(_replies(self._exchanges, "query-qmp-schema"), None)
            names = _commands_in(schema) or sorted(self._names())
            return [{"name": each} for each in names]
        return UNSET

    def _names(self) -> set[str]:
        names = {each.command.name for each in self._exchanges}
        return names | {CAPABILITIES_COMMAND, "query-version", "query-commands"}


def _replies(exchanges: Iterable[Exchange], name: str) -> Iterator[JsonValue]:
    """Give the values that a command without arguments returned."""
    for each in exchanges:
        if each.command.name == name and not each.command.arguments:
            for step in each.steps:
                if isinstance(step, RecordedReply) and not isinstance(step.value, UnsetType):
                    yield step.value


def _version(value: JsonValue) -> Version:
    return parse_greeting({"version": value}).version or DEFAULT_VERSION


def _commands_in(schema: JsonValue) -> list[str]:
    """Return the names of a schema's commands, newest first."""
    entities = schema if isinstance(schema, list) else []
    return _names_in(
        [each for each in entities if isinstance(each, dict) and each.get("meta-type") == "command"]
    )[::-1]


def _names_in(entities: JsonValue) -> list[str]:
    """Return the members "name" of a list's objects."""
    return [
        name
        for each in (entities if isinstance(entities, list) else [])
        if isinstance(each, dict) and isinstance(name := each.get("name"), str)
    ]
