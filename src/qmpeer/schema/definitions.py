"""The builder of the model's structs from expressions.

It checks each definition on its own. Checks that need other definitions, such as the existence of a
type, are left to `references`, which gets a list of the uses of types.
"""

from collections.abc import Sequence
from typing import Final, TypedDict

import msgspec

from qmpeer.errors import Location
from qmpeer.schema.definition_parts import DefinitionParts, TypeUse, element_of
from qmpeer.schema.expressions import Expression, described
from qmpeer.schema.model import (
    BUILT_INS,
    SPECIAL_FEATURES,
    AlternateDefinition,
    Branch,
    CommandDefinition,
    Condition,
    Documentation,
    Entity,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.schema.name_rules import name_fault, style_fault
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.source_files import Problems, SourcePlace
from qmpeer.schema.syntax import ArrayNode, Node, ObjectNode

_ONLY_FALSE: Final = ("gen", "success-response")
_ONLY_TRUE: Final = ("boxed", "allow-oob", "allow-preconfig", "coroutine")


class _Common(TypedDict):
    """The fields that definitions of all kinds share."""

    name: str
    features: tuple[Feature, ...]
    condition: Condition | None
    documentation: Documentation | None
    location: Location


class DefinitionBuilder:
    """A builder of the model's types, commands and events, one definition at a time.

    Args:
        problems: Collects the errors.
        pragmas: The rules of the schema, after all its pragmas have been read.

    Attributes:
        types: The types, in source order.
        entities: The commands and events, in source order.
        origins: The expressions, by the names that they define.
        uses: The mentions of types, in source order.
    """

    def __init__(self, problems: Problems, pragmas: Pragmas) -> None:
        self._problems = problems
        self._pragmas = pragmas
        self.types: dict[str, Type] = dict(BUILT_INS)
        self.entities: dict[str, Entity] = {}
        self.origins: dict[str, Expression] = {}
        self._wrapped_types: dict[str, str] = {}
        self._parts = DefinitionParts(problems, pragmas)
        self.uses: list[TypeUse] = self._parts.uses

    def add(self, expression: Expression) -> None:
        """Read one definition."""
        self._check_name(expression)
        if self.origins[expression.name] is not expression:
            return  # a duplicate, reported already: later checks look at the first one
        if "data" not in expression.node and expression.keyword not in ("command", "event"):
            return  # reported already
        if self._pragmas.is_todays and expression.keyword not in ("command", "event"):
            self._check_type_features(expression)
        match expression.keyword:
            case "enum":
                self._add_enum(expression)
            case "struct":
                self._add_struct(expression)
            case "union":
                self._add_union(expression)
            case "alternate":
                self._add_alternate(expression)
            case "command":
                self._add_command(expression)
            case _:
                self._add_event(expression)

    def finish(self) -> None:
        """Complete the model after the last definition.

        A simple union's wrapper gets the condition of the type that it wraps. That type may be
        defined after the union.
        """
        for wrapper, name in self._wrapped_types.items():
            condition = getattr(self.types.get(name), "condition", None)
            if condition is not None:
                wrapped = self.types[wrapper]
                self.types[wrapper] = msgspec.structs.replace(wrapped, condition=condition)

    def _check_name(self, expression: Expression) -> None:
        name, place = expression.name, expression.place
        fault = name_fault(expression.keyword, name)
        if fault:
            self._problems.semantic(place, fault)
        elif expression.keyword == "command" and self._pragmas.is_strict:
            fault = None if name in self._pragmas.commands else style_fault(name)
            if fault:
                self._problems.semantic(place, fault)
        first = self.origins.setdefault(name, expression)
        if first is not expression:
            self._problems.semantic(place, f"{name!r} is already defined at {first.place.location}")
        elif name in BUILT_INS:
            self._problems.semantic(place, f"{name!r} is a built-in type")
        elif name in self.types:
            self._problems.semantic(place, f"{name!r} is the implicit enum of a simple union")
        if self._pragmas.is_strict and expression.is_old:
            now = expression.keyword
            self._problems.semantic(place, f"obsolete since 2.4, expected the keyword '{now}'")

    def _check_type_features(self, expression: Expression) -> None:
        """Report features that only commands, events, members and values can have."""
        listed = expression.node.get("features")
        if isinstance(listed, ArrayNode):
            for item, offset in zip(listed, listed.items_at, strict=True):
                if item in SPECIAL_FEATURES:
                    place = expression.place.at(offset)
                    self._problems.semantic(place, f"a type can't have the feature {item!r}")

    def _common(self, expression: Expression, place: SourcePlace) -> _Common:
        return {
            "name": expression.name,
            "features": self._parts.features(expression.node, place),
            "condition": self._parts.condition(expression.node, place),
            "documentation": expression.documentation,
            "location": expression.place.location,
        }

    # --- The definitions ------------------------------------------------------------------------

    def _add_enum(self, expression: Expression) -> None:
        place = expression.value_place("data")
        data = expression.node["data"]
        if not isinstance(data, ArrayNode):
            self._problems.semantic(place, f"'data' is {described(data)}, not an array")
            return
        values, seen = list[EnumValue](), dict[str, str]()
        for item, offset in zip(data, data.items_at, strict=True):
            value = self._parts.enum_value(item, place.at(offset))
            if value and self._parts.is_new(value.name, "value", seen, place.at(offset)):
                self._parts.check_style(expression, value.name, place.at(offset))
                values.append(value)
        self.types[expression.name] = EnumDefinition(
            **self._common(expression, place),
            values=tuple(values),
            prefix=self._optional_string(expression, "prefix"),
        )

    def _add_struct(self, expression: Expression) -> None:
        place = expression.value_place("data")
        self.types[expression.name] = StructDefinition(
            **self._common(expression, place),
            members=self._members(expression, expression.node["data"], place),
            base=self._base(expression),
        )

    def _base(self, expression: Expression) -> str | None:
        base = self._optional_string(expression, "base")
        if base is not None:
            self.uses.append(TypeUse(base, "base", False, expression.value_place("base")))
        return base

    def _add_union(self, expression: Expression) -> None:
        branches = self._branches(expression)
        discriminator = self._optional_string(expression, "discriminator")
        if "discriminator" in expression.node:
            base = self._union_base(expression)
            for branch in branches:
                self._use(expression, branch, "branch")
        else:
            # Up to 6.1 a union without discriminator was a simple union, which has no base.
            if self._pragmas.is_todays or "base" in expression.node:
                self._problems.semantic(expression.place, "key 'discriminator' is missing")
            elif not branches and expression.node["data"] == {}:
                self._problems.semantic(expression.place, "the union has no branches")
            base = self._simple_base(expression, branches)
            branches = tuple(self._wrapped(expression, branch) for branch in branches)
        place = expression.place
        self.types[expression.name] = UnionDefinition(
            **self._common(expression, place),
            base=base,
            discriminator=discriminator or "type",
            branches=branches,
        )

    def _use(self, expression: Expression, branch: Branch, role: str) -> str:
        """Record the role of a branch's type; return the type's name without brackets."""
        data = expression.node["data"]
        assert isinstance(data, ObjectNode)
        name, is_array = element_of(branch.type)
        place = expression.place.at(data.values_at[branch.name])
        self.uses.append(TypeUse(name, role, is_array, place))
        return name

    def _union_base(self, expression: Expression) -> str:
        """Return the base; members listed in the union itself make an implicit type."""
        base = expression.node.get("base")
        if base is None:
            self._problems.semantic(expression.place, "key 'base' is missing")
        if not isinstance(base, ObjectNode):
            return self._base(expression) or ""
        place = expression.place.at(base.offset)
        return self._add_implicit(expression, "base", self._members(expression, base, place))

    def _simple_base(self, expression: Expression, branches: Sequence[Branch]) -> str:
        """Make the implicit base of a simple union: its member `type`, an enum of the branches."""
        kind = f"{expression.name}Kind"
        if kind in self.types:
            self._problems.semantic(
                expression.place,
                f"{kind!r} is already defined, but this union implies an enum of that name",
            )
        self.types[kind] = EnumDefinition(
            name=kind,
            condition=self._parts.condition(expression.node, expression.place),
            values=tuple(EnumValue(branch.name, (), branch.condition) for branch in branches),
            is_implicit=True,
        )
        is_inline = isinstance(expression.node.get("base"), ObjectNode)  # reported already
        base = None if is_inline else self._base(expression)
        return self._add_implicit(expression, "base", (Member("type", kind),), base)

    def _wrapped(self, expression: Expression, branch: Branch) -> Branch:
        """Make the wrapper of a simple union's branch: an object with the one member `data`."""
        name = self._use(expression, branch, "member")
        wrapper = f"{branch.type}-wrapper"
        if wrapper not in self.types:
            members = (Member("data", branch.type),)
            self.types[wrapper] = StructDefinition(name=wrapper, members=members, is_implicit=True)
            self._wrapped_types[wrapper] = name
        return Branch(branch.name, wrapper, branch.condition)

    def _add_alternate(self, expression: Expression) -> None:
        place = expression.value_place("data")
        branches = self._branches(expression)
        if not branches and expression.node["data"] == {}:
            self._problems.semantic(place, "the alternate has no branches")
        for branch in branches:
            self._use(expression, branch, "alternate")
        self.types[expression.name] = AlternateDefinition(
            **self._common(expression, place),
            branches=branches,
        )

    def _add_command(self, expression: Expression) -> None:
        node, place = expression.node, expression.place
        self._parts.is_unchecked = node.get("gen") == "no"  # the spelling up to 2.3
        flags = {key for key in (*_ONLY_FALSE, *_ONLY_TRUE) if self._flag(expression, key)}
        if {"allow-oob", "coroutine"} <= flags:
            self._problems.semantic(place, "'allow-oob' and 'coroutine' exclude each other")
        returns = None
        if "returns" in node:
            returns = self._parts.type_name(
                node["returns"], "returns", expression.value_place("returns")
            )
        arguments = self._arguments(expression, "boxed" in flags)
        self._parts.is_unchecked = False
        self.entities[expression.name] = CommandDefinition(
            **self._common(expression, place),
            arguments=arguments,
            returns=returns,
            is_boxed="boxed" in flags,
            is_generated="gen" not in flags,
            has_response="success-response" not in flags,
            allow_oob="allow-oob" in flags,
            allow_preconfig="allow-preconfig" in flags,
            is_coroutine="coroutine" in flags,
        )

    def _add_event(self, expression: Expression) -> None:
        is_boxed = self._flag(expression, "boxed")
        self.entities[expression.name] = EventDefinition(
            **self._common(expression, expression.place),
            arguments=self._arguments(expression, is_boxed),
            is_boxed=is_boxed,
        )

    def _arguments(self, expression: Expression, is_boxed: bool) -> str | None:
        data = expression.node.get("data")
        if data is None:
            if is_boxed:
                self._problems.semantic(expression.place, "'boxed' needs 'data', a type's name")
            return None
        place = expression.value_place("data")
        if isinstance(data, ObjectNode):
            if is_boxed:
                self._problems.semantic(place, "found members, expected a type's name for 'boxed'")
            members = self._members(expression, data, place)
            return self._add_implicit(expression, "arg", members) if members else None
        if isinstance(data, ArrayNode):
            self._problems.semantic(place, "'data' is an array, not an object or a type's name")
            return None
        return self._parts.type_name(data, "boxed" if is_boxed else "arguments", place)

    def _add_implicit(
        self,
        expression: Expression,
        suffix: str,
        members: tuple[Member, ...],
        base: str | None = None,
    ) -> str:
        # Silently: an error in the condition is reported for the definition itself.
        name = f"{expression.name}-{suffix}"
        self.types[name] = StructDefinition(
            name=name,
            condition=self._parts.condition(expression.node, expression.place, is_silent=True),
            location=expression.place.location,
            members=members,
            base=base,
            is_implicit=True,
        )
        return name

    # --- Parts of definitions -------------------------------------------------------------------

    def _members(
        self, expression: Expression, data: Node, place: SourcePlace
    ) -> tuple[Member, ...]:
        if not isinstance(data, ObjectNode):
            self._problems.semantic(place, f"the members are {described(data)}, not an object")
            return ()
        members, seen = list[Member](), dict[str, str]()
        for key, value in data.items():
            name = key.removeprefix("*")
            where = place.at(data.keys_at[key])
            self._parts.check_fault("member", name, where)
            self._parts.check_style(expression, name, where)
            value_place = place.at(data.values_at[key])
            node, type_node = self._parts.long_form(value, value_place)
            if isinstance(type_node, ObjectNode) and expression.is_old:
                type_name = self._nested(expression, name, type_node)
            else:
                # "any" after an error: it leads to no further ones.
                type_name = self._parts.type_name(type_node, "member", value_place) or "any"
            if self._parts.is_new(name, "member", seen, where):
                features = self._parts.features(node, where)
                condition = self._parts.condition(node, where)
                members.append(Member(name, type_name, key != name, features, condition))
        return tuple(members)

    def _nested(self, expression: Expression, name: str, type_node: ObjectNode) -> str:
        """Make an implicit type of an object nested in a member list, which was valid up to 2.3."""
        members = self._members(expression, type_node, expression.place.at(type_node.offset))
        return self._add_implicit(expression, name, members)

    def _branches(self, expression: Expression) -> tuple[Branch, ...]:
        data, place = expression.node["data"], expression.value_place("data")
        if not isinstance(data, ObjectNode):
            self._problems.semantic(place, f"'data' is {described(data)}, not an object")
            return ()
        branches, seen = list[Branch](), dict[str, str]()
        for name, value in data.items():
            where, value_place = place.at(data.keys_at[name]), place.at(data.values_at[name])
            self._parts.check_fault("branch", name, where)
            node, type_node = self._parts.long_form(value, value_place)
            type_name = self._parts.type_text(type_node, value_place)
            if type_name and self._parts.is_new(name, "branch", seen, where):
                branches.append(Branch(name, type_name, self._parts.condition(node, where)))
        return tuple(branches)

    def _flag(self, expression: Expression, key: str) -> bool:
        """Return True if a flag is given; its only valid value is the opposite of its default."""
        value = expression.node.get(key)
        if value is None:
            return False
        wanted = key in _ONLY_TRUE
        if value is not wanted and (wanted or value != "no"):  # up to 2.3 it was 'no'
            word = "true" if wanted else "false"
            self._problems.semantic(expression.value_place(key), f"'{key}' can only be {word}")
        return True

    def _optional_string(self, expression: Expression, key: str) -> str | None:
        value = expression.node.get(key)
        if value is None or isinstance(value, str):
            return value
        place = expression.value_place(key)
        self._problems.semantic(place, f"'{key}' is {described(value)}, not a string")
        return None
