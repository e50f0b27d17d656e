"""The answers that the proxy gives itself, because they can't change while its server runs."""

from typing import Final

from qmpeer.messages import CommandMessage
from qmpeer.values import JsonObject, JsonValue

VERSION: Final = "query-version"
SCHEMA: Final = "query-qmp-schema"


class KnownAnswers:
    """The known answers of one server."""

    __slots__ = ("_answers",)

    def __init__(self) -> None:
        self._answers: dict[str, JsonValue] = {}

    def begin(self, greeting: JsonObject) -> None:
        """Begin with a server's greeting, and forget what an earlier server has answered."""
        self.forget()
        member = greeting.get("QMP")
        if isinstance(member, dict) and "version" in member:
            self._answers[VERSION] = member["version"]

    def forget(self) -> None:
        """Forget all answers: their server has gone."""
        self._answers.clear()

    def keep(self, command: CommandMessage, value: JsonValue) -> None:
        """Keep the server's answer to query-qmp-schema."""
        if not command.arguments:
            self._answers[SCHEMA] = value

    def get(self, command: CommandMessage) -> JsonValue:
        """Return the answer to a command; None if only the server has it."""
        if command.arguments or command.is_oob:
            return None  # the server has an error for this
        return self._answers.get(command.name)
