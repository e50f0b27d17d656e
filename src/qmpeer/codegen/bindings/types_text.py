"""The Python text of a binding's types: classes and aliases."""

import json
from collections.abc import Iterator, Sequence

from qmpeer.codegen.bindings.docstrings import docstring, enum_docstring
from qmpeer.codegen.bindings.plan import (
    AliasPlan,
    Attribute,
    BranchPlan,
    EnumPlan,
    StructPlan,
    TypePlan,
    UnionPlan,
)
from qmpeer.schema import Documentation, Feature, special_features

_INDENT = "    "
_WIDTH = 100


def literal(text: str) -> str:
    """Return a string as a Python literal."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else json.dumps(text)


def optional(attribute: Attribute) -> str:
    """Return a member's annotation; an optional member has UNSET in its type and as default."""
    if not attribute.is_optional:
        return attribute.type
    if attribute.type == "Any":  # it includes UnsetType
        return "Any = UNSET"
    return f"{attribute.type} | UnsetType = UNSET"


def wrapped(before: str, parts: Sequence[str], after: str) -> Iterator[str]:
    """Yield parts in parentheses: on one line if it isn't too long, or else one part a line."""
    line = before + ", ".join(parts) + after
    if len(line) <= _WIDTH:
        yield line
        return
    yield before
    yield from (f"{_INDENT}{part}," for part in parts)
    yield after


def type_lines(plan: TypePlan) -> Iterator[str]:
    """Yield the lines of a type."""
    match plan:
        case EnumPlan():
            yield from _enum(plan)
        case StructPlan():
            yield from _struct(plan)
        case UnionPlan():
            yield from _union(plan)
        case AliasPlan():
            yield from _alias(plan.name, plan.type.split(" | "))
            yield from _alias_docstring(
                plan.definition.documentation, f"A value of the alternate {plan.definition.name}."
            )


def _enum(plan: EnumPlan) -> Iterator[str]:
    yield f"class {plan.name}(Enumeration):"
    fallback = f"Values of the enum {plan.definition.name}."
    definition = plan.definition
    yield from enum_docstring(
        definition.documentation, fallback, plan.constants, definition.features, _INDENT
    )
    yield ""
    for name, value in plan.constants:
        yield f"{_INDENT}{name}: Final = {literal(value.name)}"


def _struct(plan: StructPlan) -> Iterator[str]:
    definition = plan.definition
    fallback = (
        "An object type that has no name in the schema."
        if definition.is_implicit
        else f"A {definition.name}."
    )
    yield from _class(
        plan.name,
        [plan.base],
        plan.attributes,
        {},
        definition.documentation,
        fallback,
        definition.features,
    )


def _union(plan: UnionPlan) -> Iterator[str]:
    wire, name = plan.tag
    definition = plan.definition
    base, keywords = "Struct", [f"tag_field={literal(wire)}"]
    if plan.common:
        fallback = f"The members that all branches of {plan.name} have."
        yield from _class(
            plan.common,
            ["Struct", *keywords],
            plan.attributes,
            {},
            definition.documentation,
            fallback,
            definition.features,
        )
        yield from ("", "")
        base, keywords = plan.common, []
    for branch in plan.branches:
        yield from _branch(plan, branch, base, keywords)
        yield from ("", "")
    yield f'class {plan.unknown}(UnknownBranch, tag_field={literal(wire)}, tag=""):'
    yield f'{_INDENT}"""A branch of {plan.name} that is newer than this binding."""'
    yield ""
    yield f"{_INDENT}@property"
    yield f"{_INDENT}def {name}(self) -> str:"
    yield f'{_INDENT}    """The discriminator."""'
    yield f"{_INDENT}    return self.tag"
    yield from ("", "")
    yield from _alias(plan.name, [branch.name for branch in plan.branches] + [plan.unknown])
    yield from _alias_docstring(definition.documentation, f"The union {definition.name}.")


def _branch(
    plan: UnionPlan, branch: BranchPlan, base: str, keywords: Sequence[str]
) -> Iterator[str]:
    values = ", ".join(f"{wire} is {value}" for wire, (_, value) in branch.constants.items())
    yield from _class(
        branch.name,
        [base, *keywords, f"tag={literal(branch.value)}"],
        branch.attributes,
        branch.constants,
        branch.documentation,
        f"The {plan.name} whose {values}.",
        (),
    )


def _class(
    name: str,
    bases: Sequence[str],
    attributes: Sequence[Attribute],
    constants: dict[str, tuple[str, str]],
    documentation: Documentation | None,
    fallback: str,
    features: Sequence[Feature],
) -> Iterator[str]:
    renamed = {a.name: a.wire for a in attributes if a.name != a.wire}
    arguments = list(bases)
    if attributes:
        arguments.append("kw_only=True")  # a base may have optional members, which come first
    if renamed:
        pairs = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in renamed.items())
        arguments.append(f"rename={{{pairs}}}")
    yield from wrapped(f"class {name}(", arguments, "):")
    yield from docstring(documentation, fallback, "Attributes", attributes, features, _INDENT)
    body = list(_body(attributes, constants))
    if body:
        yield ""
        yield from body


def _body(attributes: Sequence[Attribute], constants: dict[str, tuple[str, str]]) -> Iterator[str]:
    deprecated = [a.wire for a in attributes if "deprecated" in special_features(a.features)]
    if deprecated:
        names = "".join(f"{literal(wire)}, " for wire in deprecated)
        yield f"{_INDENT}deprecated_members: ClassVar[tuple[str, ...]] = ({names.rstrip()})"
    if len(constants) > 1:  # a branch within a branch
        pairs = ", ".join(f"{literal(w)}: {literal(v)}" for w, (_, v) in constants.items())
        yield f"{_INDENT}branch_tags: ClassVar[dict[str, str]] = {{{pairs}}}"
    for name, value in constants.values():
        yield f"{_INDENT}{name}: ClassVar[str] = {literal(value)}"
    for attribute in attributes:
        yield f"{_INDENT}{attribute.name}: {optional(attribute)}"


def _alias(name: str, types: Sequence[str]) -> Iterator[str]:
    text = f"{name}: TypeAlias = {' | '.join(types)}"
    if len(text) <= _WIDTH:
        yield text
        return
    yield f"{name}: TypeAlias = ("
    yield f"{_INDENT}{types[0]}"
    yield from (f"{_INDENT}| {other}" for other in types[1:])
    yield ")"


def _alias_docstring(documentation: Documentation | None, fallback: str) -> Iterator[str]:
    yield from docstring(documentation, fallback, "Branches", (), (), "")
