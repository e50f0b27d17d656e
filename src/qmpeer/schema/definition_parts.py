"""The parts of definitions: type names, enum values, features, conditions."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from qmpeer.schema.conditions import is_condition_name, parse_expression
from qmpeer.schema.expressions import Expression, described
from qmpeer.schema.model import (
    SPECIAL_FEATURES,
    AllOf,
    AnyOf,
    Condition,
    EnumValue,
    Feature,
    Not,
)
from qmpeer.schema.name_rules import name_fault, style_fault
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.source_files import Problems, SourcePlace
from qmpeer.schema.syntax import ArrayNode, Node, ObjectNode

_NOTHING: Final = ObjectNode(0)
_ANY: Final = ("**",)
_UNCHECKED: Final = ("**", "dict", "visitor")


class TypeUse(NamedTuple):
    """One mention of a type.

    Attributes:
        type: The type; for an array, the type of its elements.
        role: Its role: member, base, branch, alternate, arguments, boxed or returns.
        is_array: True if it is mentioned in brackets.
        place: The place in the source.
    """

    type: str
    role: str
    is_array: bool
    place: SourcePlace


class DefinitionParts:
    """A reader of the parts of definitions.

    Args:
        problems: Collects the errors.
        pragmas: The rules of the schema.

    Attributes:
        uses: The mentions of types, in source order.
        is_unchecked: True within a command of 'gen': 'no' (up to 2.3). QEMU ignored its types, so
            they may have names that don't exist.
    """

    def __init__(self, problems: Problems, pragmas: Pragmas) -> None:
        self._problems = problems
        self._pragmas = pragmas
        self.uses: list[TypeUse] = []
        self.is_unchecked = False

    def enum_value(self, item: Node, place: SourcePlace) -> EnumValue | None:
        """Read one enum value: a string, or an object with a name. Return None if it is neither."""
        node = _NOTHING
        if isinstance(item, ObjectNode):
            node = item
            if not self._is_part(node, place, "name", ("if", "features")):
                return None
            item = node["name"]
        if not isinstance(item, str):
            self._problems.semantic(place, f"a value is {described(item)}, not a string")
            return None
        self.check_fault("value", item, place)
        return EnumValue(item, self.features(node, place), self.condition(node, place))

    def type_name(self, node: Node, role: str, place: SourcePlace) -> str | None:
        """Read the mention of a type and record its role; return None if it isn't one."""
        text = self.type_text(node, place)
        if text is not None:
            name, is_array = element_of(text)
            self.uses.append(TypeUse(name, role, is_array, place))
        return text

    def type_text(self, node: Node, place: SourcePlace) -> str | None:
        """Return the model's name of a mentioned type; None if the node doesn't mention one."""
        any_names = _UNCHECKED if self.is_unchecked else _ANY  # up to 2.4, ** meant any
        if isinstance(node, str):
            return "any" if node in any_names else node
        if not isinstance(node, ArrayNode):
            self._problems.semantic(place, f"found {described(node)}, expected a type's name")
        elif len(node) != 1 or not isinstance(node[0], str):
            self._problems.semantic(place, "expected an array type: one type's name in brackets")
        else:
            return f"[{'any' if node[0] in any_names else node[0]}]"
        return None

    def long_form(self, value: Node, place: SourcePlace) -> tuple[ObjectNode, Node]:
        """Split a member's value into its options (condition, features) and its type.

        In the short form the value is the type alone, and the options are empty.
        """
        if not isinstance(value, ObjectNode) or "type" not in value:
            return _NOTHING, value
        self._is_part(value, place, "type", ("if", "features"))
        return value, value["type"]

    def features(self, node: ObjectNode, place: SourcePlace) -> tuple[Feature, ...]:
        """Read the features of a definition or of one of its parts."""
        listed = node.get("features")
        if listed is None:
            return ()
        place = place.at(node.values_at["features"])
        if not isinstance(listed, ArrayNode):
            self._problems.semantic(place, f"'features' is {described(listed)}, not an array")
            return ()
        features, seen = list[Feature](), dict[str, str]()
        for item, offset in zip(listed, listed.items_at, strict=True):
            feature = self._feature(item, place.at(offset))
            if feature and self.is_new(feature.name, "feature", seen, place.at(offset)):
                features.append(feature)
        return tuple(features)

    def _feature(self, item: Node, place: SourcePlace) -> Feature | None:
        condition = None
        if isinstance(item, ObjectNode):
            if not self._is_part(item, place, "name", ("if",)):
                return None
            condition = self.condition(item, place)
            item = item["name"]
        if not isinstance(item, str):
            self._problems.semantic(place, f"a feature is {described(item)}, not a string")
            return None
        self.check_fault("feature", item, place)
        if condition is not None and item in SPECIAL_FEATURES:
            self._problems.semantic(place, f"feature '{item}' can't have a condition")
        return Feature(item, condition)

    def condition(
        self, node: ObjectNode, place: SourcePlace, *, is_silent: bool = False
    ) -> Condition | None:
        """Read the condition of a definition or of one of its parts.

        Args:
            node: The definition or the part.
            place: Its place.
            is_silent: Report no errors, because they were reported when it was read before.
        """
        if "if" not in node:
            return None
        problems = Problems() if is_silent else self._problems
        return self._condition(node["if"], place.at(node.values_at["if"]), problems)

    def _condition(self, node: Node, place: SourcePlace, problems: Problems) -> Condition | None:
        is_todays = self._pragmas.is_todays
        match node:
            case str() if not node.strip():
                problems.semantic(place, "the condition is empty")
                return None
            case str():
                if is_todays and not is_condition_name(node):
                    problems.semantic(place, f"{node!r} is not the name of a condition")
                return parse_expression(node)
            case ArrayNode() if not is_todays:  # from 3.0 to 6.1 a list meant all
                return self._conditions(AllOf, node, place, problems)
            case ObjectNode() if len(node) == 1:
                (word, part), where = next(iter(node.items())), place.at(node.offset)
                if word == "not":
                    condition = self._condition(part, where, problems)
                    return None if condition is None else Not(condition)
                if word in ("all", "any"):
                    kind = AllOf if word == "all" else AnyOf
                    return self._conditions(kind, part, where, problems)
        problems.semantic(place, "a condition is a string, or an object with one of all, any, not")
        return None

    def _conditions(
        self, kind: type[AllOf] | type[AnyOf], node: Node, place: SourcePlace, problems: Problems
    ) -> Condition | None:
        if not isinstance(node, ArrayNode) or not node:
            problems.semantic(place, "expected an array of one condition or more")
            return None
        parts = [
            self._condition(item, place.at(offset), problems)
            for item, offset in zip(node, node.items_at, strict=True)
        ]
        return kind(tuple(part for part in parts if part is not None))

    def check_fault(self, kind: str, name: str, place: SourcePlace) -> None:
        """Report a name that breaks the rules for its kind."""
        fault = name_fault(kind, name)
        if fault:
            self._problems.semantic(place, fault)

    def check_style(self, expression: Expression, name: str, place: SourcePlace) -> None:
        """Report a member's or a value's name that breaks the style, if the pragmas require it."""
        if self._pragmas.is_strict and expression.name not in self._pragmas.types:
            # The pragma came with 6.0, but QEMU's schemas had members with underscores then that
            # no exception listed.
            fault = style_fault(name, may_have_underscores=not self._pragmas.is_todays)
            if fault:
                self._problems.semantic(place, fault)

    def is_new(self, name: str, kind: str, seen: dict[str, str], place: SourcePlace) -> bool:
        """Return True if a name is new; report a duplicate, also of its form in C.

        In C, dashes and dots become underscores.
        """
        key = name.replace("-", "_").replace(".", "_")
        if key not in seen:
            seen[key] = name
            return True
        same = "" if seen[key] == name else f"; in C it has the same name as {seen[key]!r}"
        self._problems.semantic(place, f"duplicate {kind} {name!r}{same}")
        return False

    def _is_part(
        self, node: ObjectNode, place: SourcePlace, required: str, optional: Iterable[str]
    ) -> bool:
        """Check the keys of an object within a definition; return True if it is usable."""
        for key in node:
            if key != required and key not in optional:
                where = place.at(node.keys_at[key])
                self._problems.semantic(where, f"unknown key '{key}', expected '{required}'")
        if required not in node:
            self._problems.semantic(place, f"key '{required}' is missing")
        return required in node


def element_of(name: str) -> tuple[str, bool]:
    """Return a type's name without brackets, and True if it had brackets."""
    return (name[1:-1], True) if name.startswith("[") else (name, False)
