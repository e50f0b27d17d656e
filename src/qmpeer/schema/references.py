"""Checks that need all definitions: references between them.

An error in a definition is reported there only, not for each use of it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from qmpeer import limits
from qmpeer.messages import near_names
from qmpeer.schema.cycles import cycles
from qmpeer.schema.definition_parts import TypeUse
from qmpeer.schema.definitions import DefinitionBuilder
from qmpeer.schema.expressions import Expression
from qmpeer.schema.model import (
    EMPTY,
    AlternateDefinition,
    Array,
    Branch,
    BuiltIn,
    CommandDefinition,
    Entity,
    EnumDefinition,
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.size_check import check_sizes
from qmpeer.schema.source_files import Problems, SourcePlace, TooManyErrors
from qmpeer.schema.syntax import ObjectNode

_ROLES: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "base": ((StructDefinition,), "expected a struct as base"),
    "branch": ((StructDefinition, UnionDefinition), "expected a struct or a union as branch"),
    "arguments": (
        (StructDefinition,),
        "expected a struct as 'data' (a union needs 'boxed')",
    ),
    "boxed": ((StructDefinition, UnionDefinition), "expected a struct or a union for 'boxed'"),
    "alternate": (
        (BuiltIn, Array, EnumDefinition, StructDefinition, UnionDefinition),
        "which another alternate can't contain",
    ),
}
_KINDS: Final[dict[type, str]] = {
    BuiltIn: "a built-in type",
    Array: "an array",
    EnumDefinition: "an enum",
    StructDefinition: "a struct",
    UnionDefinition: "a union",
    AlternateDefinition: "an alternate",
}


def check_references(definitions: DefinitionBuilder, pragmas: Pragmas, problems: Problems) -> None:
    """Check the references between definitions, and add the arrays that they use.

    Args:
        definitions: All definitions.
        pragmas: The rules of the schema.
        problems: Collects the errors.
    """
    _ReferenceChecker(definitions, pragmas, problems).check()


class _ReferenceChecker:
    def __init__(
        self, definitions: DefinitionBuilder, pragmas: Pragmas, problems: Problems
    ) -> None:
        self._definitions = definitions
        self._types = definitions.types
        self._pragmas = pragmas
        self._problems = problems
        self._circular: set[str] = set()
        self._kinds: dict[str, tuple[str, ...]] = {}

    def check(self) -> None:
        # First: later checks follow bases and branches, and would never end in a cycle.
        self._check_cycles()
        check_sizes(self._types, self._refuse)
        for use in self._definitions.uses:
            self._check_use(use)
        for name, expression in self._definitions.origins.items():
            match self._types.get(name):
                case StructDefinition() as schema_type:
                    self._check_struct(schema_type, expression)
                case UnionDefinition() as schema_type:
                    self._check_union(schema_type, expression)
                case AlternateDefinition() as schema_type:
                    self._check_alternate(schema_type, expression)
            entity = self._definitions.entities.get(name)
            if entity and self._pragmas.is_todays:
                self._check_conditional_arguments(entity, expression)
            if isinstance(entity, CommandDefinition) and entity.returns:
                self._check_returns(entity.returns, expression)

    def _refuse(self, name: str, reason: str) -> NoReturn:
        origins = self._definitions.origins
        while name not in origins and "-" in name:  # an implicit type's name begins with it
            name = name.rpartition("-")[0]
        origin = origins.get(name) or next(iter(origins.values()))
        self._problems.semantic(origin.place, reason)
        raise TooManyErrors

    # --- Names ----------------------------------------------------------------------------------

    def _check_use(self, use: TypeUse) -> None:
        schema_type = self._types.get(use.type)
        if (
            schema_type is None
            or schema_type is EMPTY
            or getattr(schema_type, "is_implicit", False)
        ):
            self._note_unknown(use)  # an implicit type has no name that a schema may use
            return
        if use.is_array:
            schema_type = self._types.setdefault(f"[{use.type}]", Array(f"[{use.type}]", use.type))
        allowed = _ROLES.get(use.role)
        if allowed and not isinstance(schema_type, allowed[0]):
            name = schema_type.name
            self._problems.semantic(
                use.place, f"{name!r} is {_KINDS[type(schema_type)]}, {allowed[1]}"
            )
        elif use.role == "alternate" and schema_type.name == "any":
            self._problems.semantic(use.place, "an alternate can't contain 'any'")

    def _note_unknown(self, use: TypeUse) -> None:
        origin = self._definitions.origins.get(use.type)
        if origin and origin.keyword not in ("command", "event"):
            return  # it exists, but its own error was reported
        origins = self._definitions.origins.items()
        types = [name for name, origin in origins if origin.keyword not in ("command", "event")]
        # Comparing names takes time for each pair, which a hostile schema could make long.
        is_quick = len(types) <= limits.NEAR_NAME_CHOICES
        near = near_names(use.type, types, 1) if is_quick else []
        hint = f"; did you mean {near[0]!r}?" if near and near[0] != use.type else ""
        self._problems.semantic(use.place, f"unknown type {use.type!r}{hint}")

    # --- Objects --------------------------------------------------------------------------------

    def _check_cycles(self) -> None:
        """Report bases and branches that form a cycle."""
        types = self._types.values()
        bases = {
            schema_type.name: [schema_type.base]
            for schema_type in types
            if isinstance(schema_type, StructDefinition) and schema_type.base
        }
        branches = {
            schema_type.name: [branch.type for branch in schema_type.branches]
            for schema_type in types
            if isinstance(schema_type, UnionDefinition)
        }
        for name in cycles(bases):
            self._circular.add(name)
            place = self._definitions.origins[name].place
            self._problems.semantic(place, "it is one of its own bases")
        for name in cycles(branches):
            self._circular.add(name)
            place = self._definitions.origins[name].place
            self._problems.semantic(place, "it is one of its own branches")

    def _base_members(self, name: str | None) -> dict[str, Member] | None:
        """Return the members of a base and of its bases; None if an error hides them."""
        members = dict[str, Member]()
        while name is not None:
            schema_type = self._types.get(name)
            if not isinstance(schema_type, StructDefinition) or name in self._circular:
                return None
            members = {**{member.name: member for member in schema_type.members}, **members}
            name = schema_type.base
        return members

    def _check_struct(self, struct: StructDefinition, expression: Expression) -> None:
        members = self._base_members(struct.base)
        data = expression.node["data"]
        if members is None or not isinstance(data, ObjectNode):
            return
        for key, offset in data.keys_at.items():
            if key.removeprefix("*") in members:
                reason = f"member {key.removeprefix('*')!r} is in the base {struct.base!r} already"
                self._problems.semantic(expression.place.at(offset), reason)

    def _check_union(self, union: UnionDefinition, expression: Expression) -> None:
        members = self._base_members(union.base)
        if members is None or "discriminator" not in expression.node:
            return
        if not isinstance(expression.node["discriminator"], str):
            return
        values = self._discriminator_values(union, members, expression)
        data = expression.node["data"]
        assert isinstance(data, ObjectNode) or not union.branches
        for branch in union.branches:
            assert isinstance(data, ObjectNode)
            place = expression.place.at(data.keys_at[branch.name])
            if values is not None and branch.name not in values:
                self._problems.semantic(
                    place,
                    f"{branch.name!r} is not a value of {members[union.discriminator].type!r}",
                )
            self._check_branch(union, branch, members, place)

    def _discriminator_values(
        self, union: UnionDefinition, members: dict[str, Member], expression: Expression
    ) -> set[str] | None:
        """Return the discriminator's values; None if they are unknown or have an error."""
        place = expression.value_place("discriminator")
        tag = members.get(union.discriminator)
        if tag is None:
            reason = f"discriminator {union.discriminator!r} is not a member of the base"
        elif tag.is_optional:
            reason = f"discriminator {tag.name!r} is optional"
        elif tag.condition is not None:
            reason = f"discriminator {tag.name!r} has a condition"
        else:
            values = self._types.get(tag.type)
            if isinstance(values, EnumDefinition) and not values.values:
                reason = f"discriminator {tag.name!r} is an enum without values"
                self._problems.semantic(place, reason)
                return None
            if isinstance(values, EnumDefinition):
                return {value.name for value in values.values}
            base = self._definitions.origins.get(union.base)
            if values is None or (tag.type == "str" and base and base.is_old):
                return None  # reported already; or a plain string, as up to 2.0
            reason = f"discriminator {tag.name!r} is {_KINDS[type(values)]}, not an enum"
        self._problems.semantic(place, reason)
        return None

    def _check_branch(
        self, union: UnionDefinition, branch: Branch, members: dict[str, Member], place: SourcePlace
    ) -> None:
        for inner in () if union.name in self._circular else self._reached(branch.type):
            for member in inner.members:
                if member.name in members:
                    reason = f"member {member.name!r} of branch {branch.name!r}"
                    self._problems.semantic(place, f"{reason} is in the base already")

    def _reached(self, name: str) -> Iterator[StructDefinition]:
        """Yield the structs that contribute members to a branch: its bases and its own branches."""
        names, seen = [name], set[str]()
        while names:
            name = names.pop()
            schema_type = self._types.get(name)
            if name in seen or not isinstance(schema_type, StructDefinition | UnionDefinition):
                continue
            seen.add(name)
            if schema_type.base is not None:
                names.append(schema_type.base)
            if isinstance(schema_type, UnionDefinition):
                names += (branch.type for branch in schema_type.branches)
            else:
                yield schema_type

    # --- Alternates -----------------------------------------------------------------------------

    def _check_alternate(self, alternate: AlternateDefinition, expression: Expression) -> None:
        taken: dict[str, str] = {}
        data = expression.node["data"]
        assert isinstance(data, ObjectNode) or not alternate.branches
        for branch in alternate.branches:
            for kind in self._json_kinds(branch.type):
                first = taken.setdefault(kind, branch.name)
                if first != branch.name:
                    assert isinstance(data, ObjectNode)
                    place = expression.place.at(data.keys_at[branch.name])
                    self._problems.semantic(
                        place,
                        f"branch {branch.name!r} can't be distinguished from branch {first!r}",
                    )
                    break

    def _json_kinds(self, name: str) -> Iterable[str]:
        """Return the JSON kinds of a type, and the kinds it is mistaken for on a command line.

        Spec: on QEMU's command line all values are strings. So an alternate can't have a string
        beside a number or a boolean, nor an enum beside a kind that one of its values looks like.
        """
        match self._types.get(name):
            case BuiltIn(json_type="string"):
                return ("string", "number", "boolean")
            case BuiltIn(json_type="int"):
                return ("number",)
            case BuiltIn(json_type=json_type):
                return (json_type,)
            case Array():
                return ("array",)
            case StructDefinition() | UnionDefinition():
                return ("object",)
            case EnumDefinition(values=values):
                if name in self._kinds:
                    return self._kinds[name]
                names = {value.name for value in values}
                looks = {"boolean"} if names & {"on", "off"} else set[str]()
                if any(value[:1] in "0123456789+-." for value in names):
                    looks.add("number")
                self._kinds[name] = ("string", *sorted(looks))
                return self._kinds[name]
        return ()

    # --- Commands and events --------------------------------------------------------------------

    def _check_conditional_arguments(self, entity: Entity, expression: Expression) -> None:
        """Report a condition within arguments that aren't boxed.

        A C function can't have conditional parameters.

        Spec: since 9.0.
        """
        members = {} if entity.is_boxed else self._base_members(entity.arguments)
        for member in (members or {}).values():
            if member.condition is not None:
                reason = f"argument {member.name!r} has a condition, which needs 'boxed'"
                self._problems.semantic(expression.value_place("data"), reason)

    def _check_returns(self, name: str, expression: Expression) -> None:
        schema_type: Type | None = self._types.get(name)
        place = expression.value_place("returns")
        if isinstance(schema_type, Array):
            schema_type = self._types.get(schema_type.element)
        if isinstance(schema_type, AlternateDefinition):
            self._problems.semantic(place, f"{name!r} is an alternate, which can't be returned")
            return
        if (
            schema_type is None
            or isinstance(schema_type, StructDefinition | UnionDefinition)
            or not self._pragmas.is_strict
        ):
            return
        if expression.name not in self._pragmas.returns:
            self._problems.semantic(
                place,
                f"{name!r} can't be returned, expected an object or an array of objects",
            )
