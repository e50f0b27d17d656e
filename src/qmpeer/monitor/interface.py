"""The interface of a monitor, as one schema: what was declared, and what signatures say.

Three sources make it up, in this order: the monitor's own commands (``qapi/control.json`` and
``qapi/introspect.json`` beside this file, compiled to ``interface.json``); the schema that a
program declares its commands and events in; and for a command that isn't declared, the signature
and the docstring of its handler. Of what is declared, only commands that have a handler are in the
interface.

Validation, policy and introspection all come from here.
"""

import logging
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NoReturn

import msgspec

from qmpeer.errors import CommandError, ValidationError
from qmpeer.messages import CAPABILITIES_COMMAND, qemu_texts
from qmpeer.monitor.handlers.docstrings import documentation_of
from qmpeer.monitor.handlers.parameters import Parameters
from qmpeer.monitor.handlers.schema_types import ANY, SchemaTypes
from qmpeer.monitor.handlers.signature_check import declared_members, match
from qmpeer.monitor.handlers.type_compiler import TypeCompiler
from qmpeer.monitor.handlers.type_hints import function_hints
from qmpeer.schema import (
    EMPTY,
    ArgumentsCheck,
    Array,
    BuiltIn,
    CommandDefinition,
    Feature,
    Hiding,
    Policy,
    Schema,
    Type,
    Validator,
    hide_deprecated,
    introspection_of,
    special_features,
)
from qmpeer.schema.compiled import schema_from_compiled
from qmpeer.values import JsonObject, JsonValue

log: logging.Logger = logging.getLogger("qmpeer.monitor")
_COMPILED: Final = os.path.join(os.path.dirname(__file__), "interface.json")


@cache
def own_schema() -> Schema:
    """Return the schema of a monitor on which nothing is registered."""
    with open(_COMPILED, "rb") as file:
        return schema_from_compiled(file.read())


class Interface:
    """Hold the commands and events of one monitor.

    Args:
        declared: The schema that a program declares its commands and events in, conditions settled.
        policy: What is done about what is deprecated or unstable.
        checks_output: Hold replies and events to what is declared, too.

    Attributes:
        types: Compiles the annotations of handlers.

    Raises:
        ValueError: If the schema has a type of a name that the monitor's own commands use, and it
            is another type.
    """

    def __init__(self, declared: Schema | None, policy: Policy, checks_output: bool) -> None:
        self._schema = None if declared is None else _with_own(declared)
        self._policy = policy
        self._checks_output = checks_output
        of = self._schema or Schema({})
        self._declarations = SchemaTypes(of.types)
        self._validator = Validator(of, policy.rejected)
        self._hiding = Hiding(of, policy.hidden) if policy.hidden else None
        self._commands = {command.name: command for command in of.commands()}
        self._events = {event.name: event for event in of.events()}
        self._made: dict[str, CommandDefinition] = {}
        self._registered = {CAPABILITIES_COMMAND: True}
        self._introspection: list[JsonObject] | None = None
        self.types: TypeCompiler = TypeCompiler(self._declarations)

    # Commands

    def is_declared(self, name: str) -> bool:
        """Return whether the schema has a command of this name."""
        return name in self._commands

    def add(
        self,
        function: Callable[..., Any],
        name: str,
        parameters: Parameters,
        *,
        allow_oob: bool,
        features: Iterable[str],
    ) -> CommandDefinition:
        """Take in the handler of a command; return what the command is.

        What judges the handler's arguments becomes what the schema declares of them.

        Raises:
            TypeError: If the handler doesn't go with what is declared.
            ValueError: If what the schema says is said a second time.
        """
        given = tuple(map(Feature, features))
        declared = self._commands.get(name)
        if declared is None or self._schema is None:
            command = self._made[name] = self._make(function, name, parameters, allow_oob, given)
        else:
            if allow_oob or given:
                raise ValueError(
                    f"command {name}: the schema says whether it has features and allows oob"
                )
            command = declared
            if declared.is_generated:
                match(parameters, self._schema, declared)
                members, _ = declared_members(self._schema, declared)
                check = self._guard(self._validator.arguments(name))
                parameters.judge_by(check, {member.name: member.type for member in members})
        self._registered[name] = True
        self._introspection = None
        return command

    def _make(
        self,
        function: Callable[..., Any],
        name: str,
        parameters: Parameters,
        allow_oob: bool,
        features: tuple[Feature, ...],
    ) -> CommandDefinition:
        members = parameters.members
        names = {part.name: part.wire for part in parameters.parts}
        return CommandDefinition(
            name=name,
            arguments=self._declarations.arguments(name, members) if members else None,
            returns=self._returned(function, name),
            is_generated=not parameters.is_open,
            allow_oob=allow_oob,
            features=features,
            documentation=documentation_of(function, name, names),
        )

    def _returned(self, function: Callable[..., Any], name: str) -> str | None:
        """Return the type of what a handler gives; anything where its annotation is none of QMP."""
        annotation = function_hints(function).get("return", Any)
        if annotation is type(None):
            return None
        try:
            return self.types.member("return", "return", annotation, None).member.type
        except TypeError:
            return ANY

    def _guard(self, check: ArgumentsCheck) -> ArgumentsCheck:
        """Make a check end the process where policy says so."""
        crashing = self._policy.crashing
        if not crashing:
            return check

        def check_or_crash(arguments: JsonObject | None) -> None:
            try:
                check(arguments)
            except ValidationError as error:
                if error.feature in crashing:
                    _crash(error.desc)
                raise

        return check_or_crash

    def is_refused(self, command: CommandDefinition) -> bool:
        """Return whether policy keeps a command out."""
        return any(feature.name in self._policy.rejected for feature in command.features)

    def refuse(self, command: CommandDefinition) -> NoReturn:
        """Refuse a command that policy keeps out.

        Spec: QEMU 7.2: it is as if the command weren't there; with "crash", the process aborts.

        Raises:
            CommandError: Always.
        """
        special = special_features(command.features)
        name = next(name for name in special if name in self._policy.rejected)
        desc = qemu_texts.disabled(f"{name.capitalize()} command {command.name}")
        if name in self._policy.crashing:
            _crash(desc)
        raise CommandError("CommandNotFound", desc)

    # Output

    def output(self, command: CommandDefinition) -> Callable[[JsonValue], JsonValue] | None:
        """Return what becomes of that which a command returned; None if it stays as it is."""
        if command.name not in self._commands or not (self._checks_output or self._hiding):
            return None

        def shown(value: JsonValue) -> JsonValue:
            if self._checks_output:
                self._validator.check_return(command.name, value)
            if self._hiding is None:
                return value
            return self._hiding.shown(command.returns or EMPTY.name, value)

        return shown

    def event(self, name: str, data: JsonObject | None) -> tuple[bool, JsonObject | None]:
        """Return whether an event is sent, and its data as it is shown.

        Raises:
            ValidationError: If it isn't what is declared, and that is asked for.
        """
        declared = self._events.get(name)
        if declared is None:
            return True, data
        if self._checks_output:
            self._validator.check_event(name, data)
        if self._hiding is None:
            return True, data
        if self._hiding.has_hidden(declared.features):
            return False, None
        if data is not None and declared.arguments is not None:
            shown = self._hiding.shown(declared.arguments, data)
            assert isinstance(shown, dict)
            data = shown
        return True, data

    # The whole

    def missing(self) -> list[str]:
        """Return the commands that are declared but have no handler."""
        return [name for name in self._commands if name not in self._registered]

    def names(self) -> list[str]:
        """Return the names of all commands, in the order of the schema."""
        if self._schema is None:  # the monitor's own were registered first
            return list(self._registered)
        declared = [name for name in self._commands if name in self._registered]
        return declared + list(self._made)

    def schema(self) -> Schema:
        """Return all of it as one schema."""
        schema = self._schema or own_schema()
        declared = tuple(
            entity
            for entity in schema.entities
            if not isinstance(entity, CommandDefinition) or entity.name in self._registered
        )
        own = {entity.name for entity in declared}
        made = tuple(command for name, command in self._made.items() if name not in own)
        types: dict[str, Type] = {**schema.types, **self._declarations.types}
        return msgspec.structs.replace(schema, types=types, entities=declared + made, labels={})

    def introspection(self) -> list[JsonObject]:
        """Return all of it as query-qmp-schema gives it."""
        if self._introspection is None:
            schema = self.schema()
            if "deprecated" in self._policy.hidden:
                schema = hide_deprecated(schema)
            self._introspection = introspection_of(schema)
        return self._introspection


def _with_own(declared: Schema) -> Schema:
    """Return a schema with those of the monitor's own commands that it doesn't declare itself."""
    own = own_schema()
    names = {entity.name for entity in declared.entities}
    if all(entity.name in names for entity in own.entities):
        return declared
    for name, of in own.types.items():
        if isinstance(of, BuiltIn):  # an "int" that was learnt from introspection is a wider one
            continue
        if _bare(declared.types.get(name, of)) != _bare(of):
            raise ValueError(f"type {name!r} is another than that of the monitor's own commands")
    missing = tuple(entity for entity in own.entities if entity.name not in names)
    types = {**own.types, **declared.types}
    return msgspec.structs.replace(
        declared, types=types, entities=missing + declared.entities, labels={}
    )


def _bare(of: Type) -> Type:
    """Return a type without what is said of it."""
    if isinstance(of, BuiltIn | Array):
        return of
    return msgspec.structs.replace(of, documentation=None, location=None)


def _crash(desc: str) -> NoReturn:
    log.critical("%s", desc)
    os.abort()
