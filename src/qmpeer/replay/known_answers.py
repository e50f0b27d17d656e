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
    """What the recording, as a whole, says about its server.

    Args:
        conversations: All conversations of the recording.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._exchanges = [each for one in conversations for each in one.exchanges]
        self._greetings = [one.greeting for one in conversations if one.greeting is not None]
        self._answers = dict(self._derived())

    def get(self, name: str) -> JsonValue | UnsetType:
        """Return the answer to a command without arguments; UNSET if there is none."""
        return self._answers.get(name, UNSET)

    def greeting(self, conversation: Conversation) -> JsonObject | None:
        """Return the greeting for a conversation; None for a guest agent's."""
        if conversation.greeting is not None:
            return conversation.greeting
        names = [each.command.name for each in conversation.exchanges]
        if names and all(name.startswith("guest-") for name in names):
            return None
        own = [_version(each) for each in _replies(conversation.exchanges, "query-version")]
        known = own or [_version(each) for each in _replies(self._exchanges, "query-version")]
        if not known and self._greetings:
            return self._greetings[0]
        version = known[0] if known else DEFAULT_VERSION
        uses_oob = any(each.command.is_oob for each in conversation.exchanges)
        has_oob = uses_oob or (version.qemu >= _OOB_SINCE and bool(known))
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
    entities = schema if isinstance(schema, list) else []
    names = [
        name
        for each in entities
        if isinstance(each, dict) and each.get("meta-type") == "command"
        if isinstance(name := each.get("name"), str)
    ]
    return names[::-1]
