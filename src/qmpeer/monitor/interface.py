"""The interface of a monitor as one schema: declared commands and events, and signatures.

It has three sources, in this order: the monitor's own commands (``qapi/control.json`` and
``qapi/introspect.json`` beside this file, compiled to ``interface.json``); the schema in which a
program declares its commands and events; and, for a command that isn't declared, the signature and
the docstring of its handler. A declared command belongs to the interface only if it has a handler.

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
from qmpeer.monitor.handlers.signature_check import check_signature, declared_members
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
    """The commands and events of one monitor.

    Args:
        declared: The schema that declares a program's commands and events, conditions settled.
        policy: The policy on deprecated and unstable features.
        checks_output: Check replies and events against the declarations, too.

    Attributes:
        types: Compiles the annotations of handlers.

    Raises:
        ValueError: If the schema has a type with the name of a type of the monitor's own commands,
            but the two types differ.
    """

    def __init__(self, declared: Schema | None, policy: Policy, checks_output: bool) -> None:
        self._schema = None if declared is None else _with_own(declared)
        self._policy = policy
        known = self._schema or Schema({})
        self._declarations = SchemaTypes(known.types)
        self._validator = Validator(known, policy.rejected)
        # Policy rejects input only: a reply may have what a command mustn't.
        self._output_validator = Validator(known) if checks_output else None
        self._hiding = Hiding(known, policy.hidden) if policy.hidden else None
        self._commands = {command.name: command for command in known.commands()}
        self._events = {event.name: event for event in known.events()}
        self._made: dict[str, CommandDefinition] = {}  # from signatures
        self._registered = {CAPABILITIES_COMMAND: True}
        self._introspection: list[JsonObject] | None = None
        self.types: TypeCompiler = TypeCompiler(self._declarations)

    # Commands

    def is_declared(self, name: str) -> bool:
        """Return True if the schema declares a command of this name."""
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
        """Add the handler of a command and return the command's definition.

        If the schema declares the command, the handler's arguments are checked by the declaration.

        Raises:
            TypeError: If the handler's signature doesn't match the declaration.
            ValueError: If the call repeats features or allow_oob of a declared command.
        """
        own_features = tuple(map(Feature, features))
        declared = self._commands.get(name)
        if declared is None or self._schema is None:
            command = self._make(function, name, parameters, allow_oob, own_features)
            self._made[name] = command
        else:
            if allow_oob or own_features:
                raise ValueError(
                    f"command {name}: the schema declares its features and whether it allows oob"
                )
            command = declared
            if declared.is_generated:
                check_signature(parameters, self._schema, declared)
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
        names = {member.name: member.wire for member in parameters.conversions}
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
        """Return the type of a handler's result; "any" if QMP has no type for its annotation."""
        annotation = function_hints(function).get("return", Any)
        if annotation is type(None):
            return None
        try:
            return self.types.member("return", "return", annotation, None).member.type
        except TypeError:
            return ANY

    def _guard(self, check: ArgumentsCheck) -> ArgumentsCheck:
        """Wrap a check so that it aborts the process where the policy is "crash"."""
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
        """Return True if the policy rejects a command."""
        return any(feature.name in self._policy.rejected for feature in command.features)

    def refuse(self, command: CommandDefinition) -> NoReturn:
        """Refuse a command that the policy rejects.

        Spec: QEMU 7.2 answers as if the command didn't exist; with "crash", the process aborts.

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
        """Return the post-processing for a command's result, or None if there is none."""
        validator = self._output_validator
        if command.name in {entity.name for entity in own_schema().entities}:
            validator = (
                None  # with hiding, our introspection lacks members that the schema requires
            )
        if command.name not in self._commands or not (validator or self._hiding):
            return None

        def shown(value: JsonValue) -> JsonValue:
            if validator is not None:
                validator.check_return(command.name, value)
            if self._hiding is None:
                return value
            return self._hiding.shown(command.returns or EMPTY.name, value)

        return shown

    def event(self, name: str, data: JsonObject | None) -> tuple[bool, JsonObject | None]:
        """Return whether an event is sent, and its data without hidden members.

        Raises:
            ValidationError: If ``checks_output`` is on and the event doesn't match its declaration.
        """
        declared = self._events.get(name)
        if declared is None:
            return True, data
        if self._output_validator is not None:
            self._output_validator.check_event(name, data)
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
        """Return the declared commands that have no handler."""
        return [name for name in self._commands if name not in self._registered]

    def names(self) -> list[str]:
        """Return the names of all commands, in the order of the schema."""
        if self._schema is None:  # the monitor registers its own commands first
            return list(self._registered)
        declared = [name for name in self._commands if name in self._registered]
        return declared + list(self._made)

    def schema(self) -> Schema:
        """Return the whole interface as one schema."""
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
        """Return the whole interface as query-qmp-schema's value."""
        if self._introspection is None:
            schema = self.schema()
            if "deprecated" in self._policy.hidden:
                schema = hide_deprecated(schema)
            self._introspection = introspection_of(schema)
        return self._introspection


def _with_own(declared: Schema) -> Schema:
    """Return a schema extended by the monitor's own commands, unless it declares them itself."""
    own = own_schema()
    names = {entity.name for entity in declared.entities}
    if all(entity.name in names for entity in own.entities):
        return declared
    for name, own_type in own.types.items():
        if isinstance(own_type, BuiltIn):  # an "int" that was read from introspection is wider
            continue
        if _bare(declared.types.get(name, own_type)) != _bare(own_type):
            raise ValueError(f"type {name!r} differs from that of the monitor's own commands")
    missing = tuple(entity for entity in own.entities if entity.name not in names)
    types = {**own.types, **declared.types}
    return msgspec.structs.replace(
        declared, types=types, entities=missing + declared.entities, labels={}
    )


def _bare(schema_type: Type) -> Type:
    """Return a type without its documentation and its location."""
    if isinstance(schema_type, BuiltIn | Array):
        return schema_type
    return msgspec.structs.replace(schema_type, documentation=None, location=None)


def _crash(desc: str) -> NoReturn:
    log.critical("%s", desc)
    os.abort()  # as QEMU does: by SIGABRT, not an orderly exit
