"""Validation of values against the types of a schema.

Each type is compiled to a check on its first use.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from qmpeer.errors import ValidationError
from qmpeer.schema.flattened import Shape, shape_of
from qmpeer.schema.model import (
    EMPTY,
    SPECIAL_FEATURES,
    AlternateDefinition,
    Array,
    BuiltIn,
    EnumDefinition,
    Feature,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.schema.value_checks import (
    SIMPLE_CHECKS,
    Check,
    Field,
    Fields,
    ValueRefusal,
    alternate_check,
    array_check,
    enum_check,
    integer_check,
    object_check,
    rejected_check,
)
from qmpeer.values import JsonObject, JsonValue

ArgumentsCheck: TypeAlias = Callable[[JsonObject | None], None]

_NOTHING: Final[JsonObject] = {}
_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (float, int),
    "int": (int, float),  # the check decides between the two
    "boolean": (bool,),
    "null": (type(None),),
    "value": (str, float, int, bool, type(None), dict, list),
}


class Validator:
    """A validator of values against the types of a schema.

    Args:
        schema: The schema; apply select() first to resolve its conditions.
        rejected: The features that policy rejects in input: "deprecated", "unstable".

    Example:
        >>> from qmpeer.schema.model import BUILT_INS, CommandDefinition
        >>> types = {**BUILT_INS, "eject-arg": StructDefinition(
        ...     name="eject-arg", members=(Member("id", "str"), Member("force", "bool", True)))}
        >>> eject = CommandDefinition(name="eject", arguments="eject-arg")
        >>> check = Validator(Schema(types, (eject,))).arguments("eject")
        >>> check({"id": "cd0", "force": True})
        >>> check({"force": 1})
        Traceback (most recent call last):
        qmpeer.errors.ValidationError: Parameter 'id' is missing
    """

    def __init__(self, schema: Schema, rejected: frozenset[str] = frozenset()) -> None:
        self._schema = schema
        self._words = {name: name.capitalize() for name in SPECIAL_FEATURES if name in rejected}
        self._commands = {command.name: command for command in schema.commands()}
        self._events = {event.name: event for event in schema.events()}
        self._checks: dict[str, Check] = {}
        self._fields: dict[str, Fields] = {}
        self._unfilled: list[tuple[Fields, StructDefinition | UnionDefinition]] = []

    def arguments(self, command: str) -> ArgumentsCheck:
        """Return a function that checks a command's arguments and raises ValidationError.

        Args:
            command: The command's name.

        Raises:
            KeyError: If the schema has no such command.
        """
        declared = self._commands[command]
        if not declared.is_generated:
            return _accept  # QEMU leaves the check to the command
        name = declared.arguments or EMPTY.name
        self._settled_check(name)
        return arguments_check(self._fields_of(name))

    def check_return(self, command: str, value: JsonValue) -> None:
        """Check a command's return value, which is an empty object if it returns nothing.

        Raises:
            ValidationError: If it doesn't fit.
            KeyError: If the schema has no such command.
        """
        self.check(self._commands[command].returns or EMPTY.name, value)

    def check_event(self, event: str, data: JsonObject | None) -> None:
        """Check an event's data; None if the event has no data.

        Raises:
            ValidationError: If it doesn't fit.
            KeyError: If the schema has no such event.
        """
        self.check(self._events[event].arguments or EMPTY.name, data or _NOTHING)

    def check(self, type_name: str, value: JsonValue) -> None:
        """Check a value against a type.

        Raises:
            ValidationError: If it doesn't fit.
            KeyError: If the schema has no such type.
        """
        _run(self._settled_check(type_name), value)

    # --- Compilation ----------------------------------------------------------------------------

    def _settled_check(self, name: str) -> Check:
        """Return the check of a type, after compiling all object types that it can reach."""
        check = self._check(name)
        while self._unfilled:  # a loop, because a long chain would recurse too deeply
            fields, schema_type = self._unfilled.pop()
            self._fill(fields, shape_of(self._schema, schema_type))
        return check

    def _check(self, name: str) -> Check:
        check = self._checks.get(name)
        if check is None:

            def check_itself(value: JsonValue) -> None:  # for a cycle of arrays and alternates
                self._checks[name](value)

            self._checks[name] = check_itself
            check = self._checks[name] = self._compile(self._schema.types[name])
        return check

    def _compile(self, schema_type: Type) -> Check:
        match schema_type:
            case BuiltIn():
                return (
                    SIMPLE_CHECKS[schema_type.name][1]
                    if schema_type.name in SIMPLE_CHECKS
                    else integer_check(schema_type)
                )
            case Array():
                return array_check(self._check(schema_type.element))
            case EnumDefinition():
                rejected = {
                    value.name: self._rejection(value.features) for value in schema_type.values
                }
                words = {name: word for name, word in rejected.items() if word}
                return enum_check(rejected, words)
            case AlternateDefinition():
                return alternate_check(self._alternatives(schema_type), schema_type.name)
            case StructDefinition() | UnionDefinition():
                return object_check(self._fields_of(schema_type.name))

    def _rejection(self, features: tuple[Feature, ...]) -> str | None:
        names = {feature.name for feature in features}
        return next((word for name, word in self._words.items() if name in names), None)

    def _alternatives(self, alternate: AlternateDefinition) -> Mapping[type, Check]:
        return {
            python: self._check(branch.type)
            for branch in alternate.branches
            for python in _python_types(self._schema.types[branch.type])
        }

    def _fields_of(self, name: str) -> Fields:
        if name not in self._fields:
            schema_type = self._schema.types[name]
            assert isinstance(schema_type, StructDefinition | UnionDefinition)
            self._fields[name] = Fields()
            self._unfilled.append((self._fields[name], schema_type))
        return self._fields[name]

    def _fill(self, fields: Fields, shape: Shape) -> None:
        fields.fields = tuple(map(self._field, shape.members))
        fields.tag = shape.discriminator
        fields.branches = {branch.name: self._fields_of(branch.type) for branch in shape.branches}

    def _field(self, member: Member) -> Field:
        word = self._rejection(member.features)
        if word:
            return Field(member.name, None, rejected_check(word), member.is_optional)
        simple = SIMPLE_CHECKS[member.type][0] if member.type in SIMPLE_CHECKS else None
        return Field(member.name, simple, self._check(member.type), member.is_optional)


def _python_types(schema_type: Type) -> tuple[type, ...]:
    match schema_type:
        case BuiltIn():
            return _JSON_TYPES[schema_type.json_type]
        case Array():
            return (list,)
        case EnumDefinition():
            return (str,)
        case _:
            return (dict,)


def arguments_check(fields: Fields) -> ArgumentsCheck:
    """Return the check of a command's arguments, which raises ValidationError.

    Args:
        fields: The arguments.
    """
    check = object_check(fields)
    takes_nothing = fields.takes_nothing and fields.tag is None

    def check_arguments(arguments: JsonObject | None) -> None:
        if not arguments and takes_nothing:
            return
        try:  # the body of _run(), without a call: this is the hot path of a monitor
            check(arguments or _NOTHING)
        except ValueRefusal as refusal:
            error = refusal.error()
        except RecursionError:  # a deep value of a type that contains itself
            error = _too_deep(arguments)
        else:
            return
        # Raised here, outside the handler, so that the error has no __context__.
        raise error

    return check_arguments


def _accept(arguments: JsonObject | None) -> None:
    pass


def _run(check: Check, value: JsonValue) -> None:
    try:
        check(value)
    except ValueRefusal as refusal:
        error = refusal.error()
    except RecursionError:
        error = _too_deep(value)
    else:
        return
    raise error


def _too_deep(value: JsonValue) -> ValidationError:
    return ValidationError("Arguments are nested too deeply", "", "fewer levels", value)
