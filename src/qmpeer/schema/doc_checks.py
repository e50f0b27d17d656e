"""Checks of doc comments against the definitions that they document.

Spec: the pragma doc-required requires a doc comment for each definition, and everything that it
describes must exist. Since 9.0 members, values and features must be described as well, except in
the definitions that documentation-exceptions lists.
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

# A symbol without a colon, a definition of a 'type' or the mark #optional: all older than 2.9.
_OLD: Final = re.compile(r"^##[ \t]*\n# @[\w.-]+[ \t]*$|^\{ *'type'|#optional", re.MULTILINE)
_INSTEAD: Final = {
    "Note": ".. note::",
    "Notes": ".. note::",
    "Example": ".. qmp-example::",
    "Examples": ".. qmp-example::",
}
"""The tags that 9.1 removed, and their replacements."""


class DocProblems:
    """The errors in doc comments, held back until all files are read.

    QEMU checked no doc comments before 2.9. Errors in such old schemas are dropped, unless a pragma
    requires documentation.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[SourcePlace, str]] = []
        self._is_old = False

    def note_age(self, source: SourceFile) -> None:
        """Look for signs that a file is older than the checking of doc comments."""
        self._is_old = self._is_old or _OLD.search(source.text) is not None

    def note(self, place: SourcePlace, reason: str) -> None:
        """Record an error."""
        if len(self._noted) < limits.SCHEMA_ERRORS:
            self._noted.append((place, reason))

    def report(self, pragmas: Pragmas, problems: Problems) -> None:
        """Report the recorded errors if this schema's doc comments have to be correct."""
        if pragmas.is_doc_required or not self._is_old:
            for place, reason in self._noted:
                problems.semantic(place, reason)


def check_documentation(expression: Expression, pragmas: Pragmas, problems: DocProblems) -> None:
    """Check the documentation of one definition.

    Args:
        expression: The definition.
        pragmas: The rules of the schema.
        problems: Collects the errors.
    """
    comment = expression.comment
    if comment is None:
        if pragmas.is_doc_required and not expression.has_other_comment:
            problems.note(expression.place, "the doc comment is missing")
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
                problems.note(place, f"{kind} {name!r} is documented but doesn't exist")
        is_needed = pragmas.needs_member_docs and expression.name not in pragmas.undocumented
        if is_needed or kind == "feature":
            for name in sorted(names - set(described)):
                problems.note(expression.place, f"{kind} {name!r} is not documented")


def _may_describe_boxed(pragmas: Pragmas) -> bool:
    """Return True if a command's doc comment may describe the members of its arguments' type.

    Spec: valid up to 4.1. Schemas of that time have doc-required, but no other of today's pragmas.
    """
    return pragmas.is_doc_required and not pragmas.is_strict


def _check_sections(
    expression: Expression, comment: DocComment, pragmas: Pragmas, problems: DocProblems
) -> None:
    tags = {section.tag for section in comment.documentation.sections}
    if expression.keyword != "command":
        for tag in ("Returns", "Errors"):
            if tag in tags:
                problems.note(comment.place_of(f"{tag}:"), f"'{tag}:' is only for commands")
    elif pragmas.is_todays and "Returns" in tags and "returns" not in expression.node:
        problems.note(comment.place_of("Returns:"), "'Returns:' without a return value")
    if pragmas.is_todays:
        for tag in sorted(tags & _INSTEAD.keys()):
            problems.note(
                comment.place_of(f"{tag}:"), f"found '{tag}:', expected '{_INSTEAD[tag]}'"
            )


def _members(expression: Expression) -> Iterator[str]:
    """Yield every name that may be documented as a member: members, values, branches, arguments."""
    parts = [expression.node.get("data"), expression.node.get("base")]
    if expression.keyword == "union":
        if "discriminator" in expression.node:
            del parts[0]
        else:
            yield "type"  # the implicit discriminator of a simple union
    for part in parts:
        if isinstance(part, ArrayNode):
            yield from filter(None, map(_name, part))
        elif isinstance(part, ObjectNode):
            yield from (key.removeprefix("*") for key in part)


def _features(node: ObjectNode) -> Iterator[str]:
    """Yield the features of a definition and of its parts."""
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
