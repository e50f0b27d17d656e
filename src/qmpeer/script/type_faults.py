"""The faults of a value, compared with a type of a schema, in words for a script's author."""

from collections.abc import Collection, Iterator
from typing import Final

from qmpeer.errors import ValidationError
from qmpeer.messages import near_names
from qmpeer.messages.shown_values import shown_value
from qmpeer.replay.patterns import ANY, is_loose
from qmpeer.schema import (
    AlternateDefinition,
    Array,
    EnumDefinition,
    Schema,
    StructDefinition,
    UnionDefinition,
    Validator,
    shape_of,
)
from qmpeer.values import UNSET, JsonObject, JsonValue

_LISTED: Final = 12
"""Names that a sentence lists; of more, only similar ones."""


class TypeFaults:
    """The faults of the values in a script, against the types of a schema.

    Args:
        schema: The schema.
        validator: Its validator.
    """

    def __init__(self, schema: Schema, validator: Validator) -> None:
        self._schema = schema
        self._validator = validator

    def of_pattern(
        self, type_name: str, value: JsonValue, place: str, *, is_open: bool = False
    ) -> str | None:
        """Return the first fault of an expected value; its patterns match everything.

        Members may be missing: an expected value is a part of what may come.

        Args:
            type_name: Its type.
            value: The value.
            place: Its place, such as "arguments".
            is_open: Allow members that the type lacks.
        """
        return self._fault(type_name, value, place, is_pattern=True, is_open=is_open)

    def of_value(self, type_name: str, value: JsonValue, place: str) -> str | None:
        """Return the fault of a whole value; None if it fits."""
        try:
            self._validator.check(type_name, value)
        except ValidationError as error:
            return self._fault(type_name, value, place) or _text(place, error)
        return None

    def _fault(
        self,
        type_name: str,
        value: JsonValue,
        place: str,
        *,
        is_pattern: bool = False,
        is_open: bool = False,
    ) -> str | None:
        """Return the first fault other than a missing member; None if there is no other."""
        if is_pattern and isinstance(value, str) and is_loose(value):
            return None
        schema_type = self._schema.types[type_name]
        match schema_type:
            case StructDefinition() | UnionDefinition() if isinstance(value, dict):
                return self._fault_of_object(schema_type, value, place, is_pattern, is_open)
            case Array() if isinstance(value, list):
                for at, item in enumerate(value):
                    inside = f"{place}[{at}]"
                    fault = self._fault(schema_type.element, item, inside, is_pattern=is_pattern)
                    if fault is not None:
                        return fault
                return None
            case AlternateDefinition() if isinstance(value, dict | list):
                for branch in schema_type.branches:
                    if self._is_for(branch.type, value):
                        return self._fault(branch.type, value, place, is_pattern=is_pattern)
        try:
            self._validator.check(type_name, value)
        except ValidationError as error:
            if isinstance(schema_type, EnumDefinition) and isinstance(value, str):
                similar = _similar(value, [each.name for each in schema_type.values])
                return f"{place}: found {shown_value(value)}, the schema has no such value{similar}"
            return _text(place, error)
        return None

    def known_part(self, type_name: str, value: JsonValue) -> JsonValue:
        """Return a value without the members that its type lacks."""
        schema_type = self._schema.types[type_name]
        match schema_type:
            case StructDefinition() | UnionDefinition() if isinstance(value, dict):
                types = dict(self._members(schema_type, value, False))
                return {
                    name: self.known_part(types[name], item)
                    for name, item in value.items()
                    if name in types
                }
            case Array() if isinstance(value, list):
                return [self.known_part(schema_type.element, item) for item in value]
            case _:
                return value

    def _is_for(self, type_name: str, value: JsonValue) -> bool:
        """Return whether a branch of an alternate takes objects or arrays, as the value is one."""
        is_array = isinstance(self._schema.types[type_name], Array)
        is_object = isinstance(self._schema.types[type_name], StructDefinition | UnionDefinition)
        return is_array if isinstance(value, list) else is_object

    def _fault_of_object(
        self,
        object_type: StructDefinition | UnionDefinition,
        value: JsonObject,
        place: str,
        is_pattern: bool,
        is_open: bool,
    ) -> str | None:
        known: dict[str, list[str]] = {}
        for name, type_name in self._members(object_type, value, is_pattern):
            known.setdefault(name, []).append(type_name)
        for name, item in value.items():
            if is_pattern and name == ANY:
                continue
            if name not in known:
                if is_open:
                    continue
                return (
                    f"{place}.{name}: found {shown_value(item)}, "
                    f"the schema has no such member{_similar(name, known)}"
                )
            faults = [
                self._fault(each, item, f"{place}.{name}", is_pattern=is_pattern)
                for each in known[name]
            ]
            if None not in faults:  # of several branches, one is enough
                return faults[0]
        return None

    def _members(
        self,
        object_type: StructDefinition | UnionDefinition,
        value: JsonObject,
        is_pattern: bool,
    ) -> Iterator[tuple[str, str]]:
        """Give the members that an object may have, with their types.

        A union's branch counts if the object selects it; all of them if that can't be known.
        """
        shape = shape_of(self._schema, object_type)
        yield from ((member.name, member.type) for member in shape.members)
        tag = value.get(shape.discriminator or "")
        is_known = isinstance(tag, str) and not (is_pattern and is_loose(tag))
        for branch in shape.branches:
            if branch.name == tag or (is_pattern and not is_known):
                inner = self._schema.types[branch.type]
                assert isinstance(inner, StructDefinition | UnionDefinition)
                yield from self._members(inner, value, is_pattern)


def _text(place: str, error: ValidationError) -> str:
    path = error.path if error.path.startswith("[") or not error.path else f".{error.path}"
    if error.found is UNSET:
        return f"{place}{path}: missing, the schema demands it"
    found = shown_value(error.found)  # type: ignore[arg-type]  # a part of a JSON value
    return f"{place}{path}: found {found}, the schema has {error.expected}"


def _similar(name: str, names: Collection[str]) -> str:
    if near := near_names(name, names):
        return f"; similar: {', '.join(near)}"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= _LISTED else ""
