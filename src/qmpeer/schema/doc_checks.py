"""Checks of doc comments: is all documented that must be, and is all there that is documented?

Spec: with the pragma doc-required each definition has a doc comment, and what that describes must
exist. Since 9.0 members, values and features must be described as well, but for those of the
definitions in documentation-exceptions.
"""

from collections.abc import Iterator

from qmpeer.schema.expressions import Expression
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.sources import Problems
from qmpeer.schema.syntax import ArrayNode, Node, ObjectNode

__all__ = ["check_documentation"]


def check_documentation(expression: Expression, pragmas: Pragmas, problems: Problems) -> None:
    """Check the documentation of one definition.

    Args:
        expression: The definition.
        pragmas: The rules.
        problems: Takes what is wrong.
    """
    comment = expression.comment
    if not pragmas.is_doc_required:
        return
    if comment is None:
        if not expression.has_other_comment:
            problems.semantic(expression.place, "it has no doc comment")
        return
    members, features = set(_members(expression)), set(_features(expression.node))
    parts = (
        (
            "value" if expression.keyword == "enum" else "member",
            members,
            comment.documentation.members,
        ),
        ("feature", features, comment.documentation.features),
    )
    for kind, names, described in parts:
        for name in described:
            if name not in names:
                place = comment.place_of(name)
                place.definition = expression.place.definition
                problems.semantic(place, f"{kind} {name!r} is documented, but isn't there")
        if pragmas.needs_member_docs and expression.name not in pragmas.undocumented:
            for name in sorted(names - set(described)):
                problems.semantic(expression.place, f"{kind} {name!r} is not documented")


def _members(expression: Expression) -> Iterator[str]:
    """Give all that may be documented as a member: members, values, branches, arguments."""
    parts = [expression.node.get("data"), expression.node.get("base")]
    if expression.keyword == "union":
        if "discriminator" in expression.node:
            del parts[0]
        else:
            yield "type"  # a simple union has it of itself
    for part in parts:
        if isinstance(part, ArrayNode):
            yield from filter(None, map(_name, part))
        elif isinstance(part, ObjectNode):
            yield from (key.removeprefix("*") for key in part)


def _features(node: ObjectNode) -> Iterator[str]:
    """Give the features of a definition and of its parts."""
    listed = node.get("features")
    if isinstance(listed, ArrayNode):
        yield from filter(None, map(_name, listed))
    for part in (node.get("data"), node.get("base")):
        items: list[Node] = []
        if isinstance(part, ObjectNode | ArrayNode):
            items = list(part.values() if isinstance(part, ObjectNode) else part)
        for item in items:
            if isinstance(item, ObjectNode):
                yield from _features(item)


def _name(item: Node) -> str | None:
    if isinstance(item, ObjectNode):
        item = item.get("name", "")
    return item if isinstance(item, str) else None
