"""A server's commands as an assistant is told of them: names, effects, texts, JSON Schemas."""

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from qmpeer.mcp.documentation import CommandTexts
from qmpeer.mcp.effect_words import effect_words, told_of
from qmpeer.mcp.json_schemas import JsonSchemas
from qmpeer.schema import CommandDefinition, EventDefinition, Schema, special_features
from qmpeer.values import JsonObject, JsonValue

OWN: Final = "__qmpeer_"
"""The beginning of the names of the proxy's own commands."""


class Interface:
    """A server's interface, as far as the policy shows it.

    Args:
        commands: The names of its commands; None if it doesn't list them.
        schema: Its schema; None if it doesn't give it.
        texts: The texts about its commands.

    Attributes:
        commands: The same.
    """

    def __init__(
        self, commands: frozenset[str] | None, schema: Schema | None, texts: CommandTexts
    ) -> None:
        self.commands: frozenset[str] | None = commands
        self._schema = schema
        self._texts = texts

    def has_any(self, *commands: str) -> bool:
        """Return True if it has one of these commands, or doesn't list its commands."""
        return self.commands is None or not self.commands.isdisjoint(commands)

    @cached_property
    def _by_name(self) -> dict[str, CommandDefinition]:
        if self._schema is None:
            return {}
        return {command.name: command for command in self._schema.commands()}

    @cached_property
    def _events(self) -> dict[str, EventDefinition]:
        return {} if self._schema is None else {each.name: each for each in self._schema.events()}

    @cached_property
    def schemas(self) -> JsonSchemas | None:
        """The JSON Schemas of its commands and types; None without a schema."""
        return None if self._schema is None else JsonSchemas(self._schema, self._texts)

    @property
    def names(self) -> list[str]:
        """The names of its commands, sorted; those of the proxy itself are left out."""
        names = self._by_name if self.commands is None else self.commands
        return sorted(name for name in names if not name.startswith(OWN))

    def summary(self, name: str) -> str:
        """Return one sentence about a command, and its effects."""
        return " ".join(filter(None, (self._texts.summary(name), told_of(name))))

    def tool_schema(self, name: str) -> JsonObject:
        """Return the JSON Schema of a command's arguments for a tool; open if there is none."""
        command = self._by_name.get(name)
        if command is None or self.schemas is None:
            return {"type": "object"}
        return self.schemas.of_tool(command)

    def search(self, words: str) -> Iterator[JsonObject]:
        """Yield those commands whose names, texts or effects contain all the words."""
        wanted = words.lower().split()
        for name in self.names:
            about, effects = self.summary(name), effect_words(name)
            text = f"{name} {about} {' '.join(effects)}".lower()
            if all(word in text for word in wanted):
                yield {"name": name, "effects": list(effects), "about": about}

    def describe(self, name: str) -> JsonObject | None:
        """Return all about a command, an event or a type; None if there is none of this name."""
        if name in self._by_name:
            return self._command(self._by_name[name])
        if self._schema is None or self.schemas is None:
            return None
        if name in self._events:
            arguments = self._events[name].arguments
            data = {} if arguments is None else {"data": self.schemas.of_type(arguments)}
            return {"event": name, **data}
        if name in self._schema.types:
            return {"type": name, "values": self.schemas.of_type(name)}
        return None

    def _command(self, command: CommandDefinition) -> JsonObject:
        assert self.schemas is not None
        name = command.name
        found: JsonObject = {
            "command": name,
            "about": " ".join(filter(None, (self._texts.text(name), told_of(name)))),
            "effects": list(effect_words(name)),
            "arguments": self.schemas.of_arguments(command),
        }
        if command.returns is not None:
            found["returns"] = self.schemas.of_type(command.returns)
        special: list[JsonValue] = list(special_features(command.features))
        return {**found, "features": special} if special else found
