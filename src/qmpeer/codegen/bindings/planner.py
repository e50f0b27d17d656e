"""The planner of a binding: it selects the types, their Python forms and their names."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer import limits
from qmpeer.codegen.bindings.plan import (
    AliasPlan,
    Attribute,
    BindingPlan,
    BranchPlan,
    CommandPlan,
    EnumPlan,
    EventPlan,
    StructPlan,
    TypePlan,
    UnionPlan,
)
from qmpeer.codegen.bindings.python_names import (
    CLASS_SCOPE,
    Scope,
    camel_case,
    class_name,
    constant_name,
    variable_name,
)
from qmpeer.errors import SchemaSemanticError
from qmpeer.schema import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Documentation,
    Entity,
    EnumDefinition,
    EventDefinition,
    Member,
    Schema,
    StructDefinition,
    UnionDefinition,
    shape_of,
)

_BUILT_INS: Final = {"str": "str", "number": "int | float", "bool": "bool", "any": "Any"}
_BUILT_INS_ELSEWHERE: Final = {"null": "None", "QType": "str", EMPTY.name: "Empty"}


def plan_of(schema: Schema) -> BindingPlan:
    """Return the plan of a binding for a schema."""
    return _Planner(schema).plan()


class _Planner:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._scope = Scope()
        self._class_names: dict[str, str] = {}
        self._data_types: dict[str, str] = {}

    def plan(self) -> BindingPlan:
        self._check_size()
        needed = self._needed()
        events = [entity for entity in self._schema.entities if isinstance(entity, EventDefinition)]
        commands = [
            entity for entity in self._schema.entities if isinstance(entity, CommandDefinition)
        ]
        # The first to take a name keeps it: functions, then constants, then unions before the
        # classes of their branches, then other types.
        functions = {c.name: self._scope.take(variable_name(c.name)) for c in commands}
        constants = {e.name: self._scope.take(constant_name(e.name)) for e in events}
        for name in needed:
            schema_type = self._schema.types[name]
            if isinstance(schema_type, UnionDefinition):
                self._class_names[name] = self._scope.take(class_name(name))
        unions = {name: self._union_names(name) for name in needed if self._is_union(name)}
        for name in needed:
            if name not in self._class_names:
                self._class_names[name] = self._scope.take(self._wish(name))
        types: list[TypePlan] = [self._type(name, unions) for name in needed]
        types.sort(key=lambda plan: isinstance(plan, AliasPlan))  # a stable sort: classes first
        return BindingPlan(
            tuple(_bases_first(types)),
            tuple(self._command(functions[c.name], c) for c in commands),
            tuple(self._event(constants[e.name], e) for e in events),
        )

    def _check_size(self) -> None:
        """Refuse a schema whose binding would be too large.

        Each function lists the members of its arguments, and many commands can name one large
        struct.
        """
        total = 0
        for entity in self._schema.entities:
            arguments = self._schema.types[entity.arguments or EMPTY.name]
            if isinstance(entity, CommandDefinition) and isinstance(arguments, StructDefinition):
                total += len(shape_of(self._schema, arguments).members)
            if total > limits.SCHEMA_MEMBERS:
                raise SchemaSemanticError(
                    f"with it, the commands have {total} arguments, expected at most "
                    f"{limits.SCHEMA_MEMBERS}, inherited ones included",
                    entity.location,
                    definition=f"command {entity.name!r}",
                )

    # --- Selection of types ---------------------------------------------------------------------

    def _needed(self) -> list[str]:
        """Return the types that become classes or aliases, in schema order."""
        found: set[str] = set()
        queue: list[str] = []

        def need(name: str | None) -> None:
            name = self._element(name or EMPTY.name)
            if name not in found:
                found.add(name)
                queue.append(name)

        for entity in self._schema.entities:
            for name in self._needed_by(entity):
                need(name)
        while queue:
            for name in self._references(queue.pop()):
                need(name)
        order = (name for name in self._schema.types if name in found)
        return [name for name in order if self._becomes_a_name(name)]

    def _needed_by(self, entity: Entity) -> Iterator[str | None]:
        arguments = self._schema.types[entity.arguments or EMPTY.name]
        if isinstance(entity, EventDefinition):
            yield entity.arguments
            if isinstance(arguments, StructDefinition) and arguments.is_implicit:
                self._data_types.setdefault(
                    arguments.name, class_name(camel_case(entity.name)) + "Data"
                )
        else:
            yield entity.returns
            if isinstance(arguments, StructDefinition):
                yield from (member.type for member in shape_of(self._schema, arguments).members)
            else:
                yield arguments.name

    def _references(self, name: str) -> Iterator[str]:
        match self._schema.types[name]:
            case StructDefinition() as struct:
                yield from (member.type for member in struct.members)
                if struct.base is not None:
                    yield struct.base
            case UnionDefinition() as union:
                shape = shape_of(self._schema, union)
                yield from (member.type for member in shape.members)
                for branch in shape.branches:
                    yield from self._references_of_branch(branch.type)
            case AlternateDefinition(branches=branches):
                yield from (branch.type for branch in branches)

    def _references_of_branch(self, name: str) -> Iterator[str]:
        schema_type = self._schema.types[name]
        if isinstance(schema_type, StructDefinition):
            yield from (member.type for member in shape_of(self._schema, schema_type).members)
        else:
            yield from self._references(name)

    def _element(self, name: str) -> str:
        while isinstance(schema_type := self._schema.types[name], Array):
            name = schema_type.element
        return name

    def _becomes_a_name(self, name: str) -> bool:
        schema_type = self._schema.types[name]
        return not isinstance(schema_type, BuiltIn) and name not in _BUILT_INS_ELSEWHERE

    def _is_union(self, name: str) -> bool:
        return isinstance(self._schema.types[name], UnionDefinition)

    # --- Names and annotations ------------------------------------------------------------------

    def _wish(self, name: str) -> str:
        return self._data_types.get(name) or class_name(name)

    def _union_names(self, name: str) -> tuple[str, str, dict[tuple[str, ...], str]]:
        """Return the class names of a union: common members, unknown branch, each branch."""
        own = self._class_names[name]
        branches = {
            values: self._scope.take(own + "".join(map(camel_case, values)))
            for values, _ in self._flat_branches(name)
        }
        return self._scope.take(own + "Common"), self._scope.take("Unknown" + own), branches

    def _flat_branches(self, name: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Yield each innermost branch, with the discriminator values and types that lead to it."""
        schema_type = self._schema.types[name]
        assert isinstance(schema_type, UnionDefinition)
        for branch in shape_of(self._schema, schema_type).branches:
            if self._is_union(branch.type):
                for values, types in self._flat_branches(branch.type):
                    yield (branch.name, *values), (branch.type, *types)
            else:
                yield (branch.name,), (branch.type,)

    def _annotation(self, name: str) -> str:
        match self._schema.types[name]:
            case Array(element=element):
                return f"list[{self._annotation(element)}]"
            case EnumDefinition(name=own) if own not in _BUILT_INS_ELSEWHERE:
                return f"Annotated[str, {self._class_names[own]}]"
            case BuiltIn(name=own) if own not in _BUILT_INS_ELSEWHERE:
                return _BUILT_INS.get(own, "int")
            case schema_type:
                return (
                    _BUILT_INS_ELSEWHERE.get(schema_type.name)
                    or self._class_names[schema_type.name]
                )

    def _alternative(self, name: str) -> str:
        """Return the annotation of an alternate's branch, which Python evaluates on import.

        An alternate may contain an array of itself, but an alias can't refer to itself.
        [The elements of an array of alternates are plain values; QEMU has no such alternate.]
        """
        schema_type = self._schema.types[name]
        if isinstance(schema_type, Array) and isinstance(
            self._schema.types[schema_type.element], AlternateDefinition
        ):
            return "list[Any]"
        return self._annotation(name)

    def _attributes(
        self, members: Sequence[Member], documentation: Documentation | None, scope: Scope
    ) -> tuple[Attribute, ...]:
        texts = {} if documentation is None else documentation.members
        return tuple(
            Attribute(
                member.name,
                scope.take(variable_name(member.name)),
                self._annotation(member.type),
                member.is_optional,
                member.features,
                texts.get(member.name, ""),
            )
            for member in members
        )

    # --- Plans of definitions -------------------------------------------------------------------

    def _type(
        self, name: str, unions: dict[str, tuple[str, str, dict[tuple[str, ...], str]]]
    ) -> TypePlan:
        own = self._class_names[name]
        match self._schema.types[name]:
            case EnumDefinition() as schema_type:
                scope = Scope({"values"})
                constants = tuple(
                    (scope.take(constant_name(v.name)), v) for v in schema_type.values
                )
                return EnumPlan(own, schema_type, constants)
            case StructDefinition() as schema_type:
                return self._struct(own, schema_type)
            case UnionDefinition() as schema_type:
                return self._union(own, schema_type, *unions[name])
            case AlternateDefinition() as schema_type:
                types = [self._alternative(branch.type) for branch in schema_type.branches]
                return AliasPlan(own, schema_type, " | ".join(dict.fromkeys(types)))
            case other:
                raise AssertionError(other)

    def _struct(self, name: str, definition: StructDefinition) -> StructPlan:
        scope = Scope(CLASS_SCOPE)
        base = "Struct"
        if definition.base is not None:
            base = self._class_names[definition.base]
            inherited = self._schema.types[definition.base]
            assert isinstance(inherited, StructDefinition)
            self._attributes(shape_of(self._schema, inherited).members, None, scope)
        return StructPlan(
            name,
            definition,
            base,
            self._attributes(definition.members, definition.documentation, scope),
        )

    def _union(
        self,
        name: str,
        definition: UnionDefinition,
        common: str,
        unknown: str,
        names: dict[tuple[str, ...], str],
    ) -> UnionPlan:
        scope = Scope(CLASS_SCOPE)
        members = shape_of(self._schema, definition).members
        common_members = [member for member in members if member.name != definition.discriminator]
        tag = (definition.discriminator, scope.take(variable_name(definition.discriminator)))
        attributes = self._attributes(common_members, self._base_documentation(definition), scope)
        branches = []
        for values, types in self._flat_branches(definition.name):
            taken = {tag[1], *(attribute.name for attribute in attributes)}
            own_scope = Scope(CLASS_SCOPE | taken)
            constants = {definition.discriminator: (tag[1], values[0])}
            own: tuple[Attribute, ...] = ()
            for level, type_name in enumerate(types):
                own += self._branch_attributes(type_name, own_scope, values[level + 1 :], constants)
            documentation = getattr(self._schema.types[types[-1]], "documentation", None)
            branches.append(BranchPlan(names[values], values[0], constants, own, documentation))
        has_common = common if attributes else ""
        return UnionPlan(name, definition, has_common, unknown, tag, attributes, tuple(branches))

    def _branch_attributes(
        self,
        type_name: str,
        scope: Scope,
        rest: tuple[str, ...],
        constants: dict[str, tuple[str, str]],
    ) -> tuple[Attribute, ...]:
        schema_type = self._schema.types[type_name]
        assert isinstance(schema_type, StructDefinition | UnionDefinition)
        members: Sequence[Member] = shape_of(self._schema, schema_type).members
        if isinstance(schema_type, UnionDefinition):
            constants[schema_type.discriminator] = (
                scope.take(variable_name(schema_type.discriminator)),
                rest[0],
            )
            members = [member for member in members if member.name != schema_type.discriminator]
        return self._attributes(members, schema_type.documentation, scope)

    def _base_documentation(self, definition: UnionDefinition) -> Documentation | None:
        """Return the documentation of a union's common members: the base's, or else the union's."""
        base = self._schema.types[definition.base]
        if (
            isinstance(base, StructDefinition)
            and not base.is_implicit
            and base.documentation is not None
        ):
            return base.documentation
        return definition.documentation

    def _command(self, name: str, definition: CommandDefinition) -> CommandPlan:
        returns = self._annotation(definition.returns or EMPTY.name)
        arguments = self._schema.types[definition.arguments or EMPTY.name]
        if isinstance(arguments, UnionDefinition):
            union = self._annotation(arguments.name)
            return CommandPlan(name, definition, (), union, returns, definition.documentation)
        assert isinstance(arguments, StructDefinition)
        documentation = definition.documentation
        if not arguments.is_implicit and arguments.documentation is not None:
            documentation = arguments.documentation
        members = shape_of(self._schema, arguments).members
        attributes = self._attributes(members, documentation, Scope(CLASS_SCOPE))
        return CommandPlan(name, definition, attributes, "", returns, definition.documentation)

    def _event(self, name: str, definition: EventDefinition) -> EventPlan:
        return EventPlan(name, definition, self._annotation(definition.arguments or EMPTY.name))


def _bases_first(types: list[TypePlan]) -> Iterator[TypePlan]:
    """Yield the types so that a base precedes its subclasses, and types precede their aliases.

    Annotations within classes are evaluated only on use, so their types may come later.
    """
    by_name = {plan.name: plan for plan in types}
    given: set[str] = set()

    def give(plan: TypePlan) -> Iterator[TypePlan]:
        if plan.name in given:
            return
        given.add(plan.name)
        wanted: list[str] = []
        if isinstance(plan, StructPlan):
            wanted = [plan.base]
        elif isinstance(plan, AliasPlan):
            wanted = re.findall(r"\w+", plan.type)
        for name in wanted:
            if name in by_name:
                yield from give(by_name[name])
        yield plan

    for plan in types:
        yield from give(plan)
