"""Checks of doc comments: is all documented that must be, and is all there that is documented?

Spec: with the pragma doc-required each definition has a doc comment, and what that describes must
exist. Since 9.0 members, values and features must be described as well, but for those of the
definitions in documentation-exceptions.
"""

import re
from collections.abc import Iterator
from typing import Final

from qmpeer import limits
from qmpeer.schema.documentation import DocComment
from qmpeer.schema.expressions import Expression
from qmpeer.schema.pragmas import Pragmas
from qmpeer.schema.source_files import Problems, SourceFile, SourcePlace
from qmpeer.schema.syntax import ArrayNode, Node, ObjectNode

_OLD: Final = re.compile(r"^##[ \t]*\n# @[\w.-]+[ \t]*$|^\{ *'type'|#optional", re.MULTILINE)
_INSTEAD: Final = {
    "Note": ".. note::",
    "Notes": ".. note::",
    "Example": ".. qmp-example::",
    "Examples": ".. qmp-example::",
}
"""Tags that there are no more since 9.1, and what is written now."""


class DocProblems:
    """What is wrong with doc comments, kept until it is known whether that matters."""

    def __init__(self) -> None:
        self._noted: list[tuple[SourcePlace, str]] = []
        self._is_old = False

    def take(self, source: SourceFile) -> None:
        """Look in a file for signs of the time when nothing read doc comments."""
        self._is_old = self._is_old or _OLD.search(source.text) is not None

    def note(self, place: SourcePlace, reason: str) -> None:
        """Note what is wrong."""
        if len(self._noted) < limits.SCHEMA_ERRORS:
            self._noted.append((place, reason))

    def tell(self, pragmas: Pragmas, problems: Problems) -> None:
        """Give on what was noted, at the end, if it matters."""
        if pragmas.is_doc_required or not self._is_old:
            for place, reason in self._noted:
                problems.semantic(place, reason)


def check_documentation(expression: Expression, pragmas: Pragmas, problems: DocProblems) -> None:
    """Check the documentation of one definition.

    Args:
        expression: The definition.
        pragmas: The rules.
        problems: Takes what is wrong.
    """
    comment = expression.comment
    if comment is None:
        if pragmas.is_doc_required and not expression.has_other_comment:
            problems.note(expression.place, "it has no doc comment")
        return
    _check_sections(expression, comment, pragmas, problems)
    members, features = set(_members(expression)), set(_features(expression.node))
    if isinstance(expression.node.get("data"), str) and _may_describe_boxed(pragmas):
        members.update(comment.documentation.members)
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
                problems.note(place, f"{kind} {name!r} is documented, but isn't there")
        is_needed = pragmas.needs_member_docs and expression.name not in pragmas.undocumented
        if is_needed or kind == "feature":
            for name in sorted(names - set(described)):
                problems.note(expression.place, f"{kind} {name!r} is not documented")


def _may_describe_boxed(pragmas: Pragmas) -> bool:
    """Return whether members of a type that a command names may be described with the command.

    Spec: up to 4.1 they could. Then there was doc-required, but not yet the other pragmas of today.
    """
    return pragmas.is_doc_required and not pragmas.is_strict


def _check_sections(
    expression: Expression, comment: DocComment, pragmas: Pragmas, problems: DocProblems
) -> None:
    tags = {section.tag for section in comment.documentation.sections}
    if expression.keyword != "command":
        for tag in ("Returns", "Errors"):
            if tag in tags:
                problems.note(comment.place_of(f"{tag}:"), f"only commands have '{tag}:'")
    elif pragmas.is_todays and "Returns" in tags and "returns" not in expression.node:
        problems.note(comment.place_of("Returns:"), "it returns nothing")
    if pragmas.is_todays:
        for tag in sorted(tags & _INSTEAD.keys()):
            problems.note(comment.place_of(f"{tag}:"), f"'{tag}:' is now '{_INSTEAD[tag]}'")


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
