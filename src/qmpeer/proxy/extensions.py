"""The proxy's own commands, for clients of listeners where they are enabled.

They are declared in ``qapi/extensions.json``; ``extensions.json`` is its compiled form
(`qmpeer.schema.compiled`), which loads faster.
"""

import os.path
from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

from qmpeer.errors import ValidationError
from qmpeer.messages import CommandMessage, qemu_texts
from qmpeer.monitor import Reply
from qmpeer.proxy.event_history import EventHistory
from qmpeer.proxy.event_terms import EventTerms, Patterns, TermsTable, read_patterns
from qmpeer.proxy.known_answers import SCHEMA
from qmpeer.proxy.merged_schema import merged_schema
from qmpeer.proxy.rules import ListenerRules
from qmpeer.proxy.texts import generic_error
from qmpeer.schema import Schema, Validator
from qmpeer.schema.compiled import schema_from_compiled
from qmpeer.values import JsonObject, JsonValue

_COMPILED: Final = os.path.join(os.path.dirname(__file__), "extensions.json")
_COMMANDS: Final = "query-commands"


@cache
def load() -> Schema:
    """Return the schema of the commands, and of the proxy's own events."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())


class Subscriber(Protocol):
    """A client that gets events."""

    terms: EventTerms

    @property
    def rules(self) -> ListenerRules:
        """The rules of the listener that it came in by."""

    @property
    def permitted_events(self) -> frozenset[str] | None:
        """The events that the policy permits it; None for all."""


class Extensions:
    """The executor of these commands, for all clients of a proxy.

    Args:
        history: The events of the proxy.

    Attributes:
        terms: The terms of all clients.
        history: The same.
    """

    __slots__ = ("_commands", "_merged", "_merged_with", "_validator", "history", "terms")

    def __init__(self, history: EventHistory) -> None:
        self.terms: TermsTable = TermsTable()
        self.history: EventHistory = history
        self._validator: Validator | None = None
        self._merged: JsonValue = None
        self._merged_with: JsonValue = None
        self._commands: dict[str, Callable[[Subscriber, JsonObject], JsonValue]] = {
            "__qmpeer_set-events": self._set_events,
            "__qmpeer_query-events": self._query_events,
        }

    def terms_of(
        self, subscriber: Subscriber, chosen: Patterns = None, has_numbers: bool = False
    ) -> EventTerms:
        """Return the terms of a client that has chosen some events, or nothing yet."""
        allowed, permitted = subscriber.rules.events, subscriber.permitted_events
        return self.terms.get(allowed, chosen, has_numbers, permitted)

    def has(self, name: str) -> bool:
        """Return True if a command of this name is one of these."""
        return name in self._commands

    def execute(self, subscriber: Subscriber, command: CommandMessage) -> Reply:
        """Execute one of these commands."""
        if command.is_oob:
            return Reply(command, error=generic_error(qemu_texts.no_oob(command.name)))
        if self._validator is None:
            self._validator = Validator(load())
        try:
            self._validator.arguments(command.name)(command.arguments)
            value = self._commands[command.name](subscriber, command.arguments or {})
        except ValidationError as error:
            return Reply(command, error=generic_error(error.desc))
        except ValueError as error:
            text = str(error)
            return Reply(command, error=generic_error(text[:1].upper() + text[1:]))
        return Reply(command, value)

    # The commands

    def _set_events(self, subscriber: Subscriber, arguments: JsonObject) -> JsonValue:
        patterns = arguments.get("patterns")
        chosen: Patterns = None
        if isinstance(patterns, list):
            chosen = read_patterns([str(pattern) for pattern in patterns])
        numbers = bool(arguments.get("numbers"))
        subscriber.terms = self.terms_of(subscriber, chosen, numbers)
        return self.history.cursor()

    def _query_events(self, subscriber: Subscriber, arguments: JsonObject) -> JsonValue:
        since, epoch = arguments["since"], arguments.get("epoch")
        assert isinstance(since, int), "found an unchecked number"
        epoch = epoch if isinstance(epoch, str) else None
        return self.history.since(since, epoch, subscriber.terms)

    # What the server says that it has

    def extended(self, command: CommandMessage, value: JsonValue) -> JsonValue:
        """Return the server's answer to a command, extended if it lists commands."""
        if command.name == SCHEMA and isinstance(value, list):
            if value is not self._merged_with:  # known answers are one object
                self._merged, self._merged_with = merged_schema(value, load()), value
            return self._merged
        if command.name == _COMMANDS and isinstance(value, list):
            ours: list[JsonValue] = [{"name": name} for name in self._commands]
            return [*(each for each in value if each not in ours), *ours]
        return value
