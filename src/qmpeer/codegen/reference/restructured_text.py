"""Pages in reStructuredText, with the directives of the QAPI domain for Sphinx.

QEMU's manual uses that domain. `qmpeer.sphinx_domain` is our own, with the same directives,
options, fields and roles. A type without an entry is written as the JSON type of its values, as the
domain requires.

Spec: QEMU's "The Sphinx QAPI Domain".
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Entry,
    Example,
    Field,
    FieldKind,
    Fields,
    Heading,
    ItemList,
    Link,
    ListItem,
    Note,
    Page,
    Paragraph,
    Returns,
    Section,
    Span,
    Spans,
    Text,
    TypeName,
)
from qmpeer.codegen.reference.pages import Reference

_INDENT: Final = "   "
_UNDERLINES: Final = "=-~\"^'"
_SPECIAL: Final = re.compile(r"[\\`*|<]|(?<![^\W_])_|_(?![^\W_])|(?<=\w)[:@](?=\S)|:(?=:)|(?<=:):")
_AT_START: Final = re.compile(
    r"[^\w\s\\(\"']|\(?(?:#|\w|\d+|[ivxlcdm]+)[.)](?=\s|\Z)", re.IGNORECASE
)
_RULE: Final = re.compile(r"(\W)\1+")
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")
_MESSAGE: Final = re.compile(r"\s*(?:->|<-)(?:\s|\Z)")
_ROLES: Final = {
    "command": "cmd",
    "event": "event",
    "enum": "enum",
    "object": "obj",
    "union": "obj",
    "alternate": "alt",
}
_DIRECTIVES: Final = {"union": "object"}
_FIELDS: Final[dict[FieldKind, str]] = {
    "argument": "arg",
    "member": "memb",
    "value": "value",
    "branch": "alt",
    "feature": "feat",
}
_EXAMPLES: Final = frozenset({"Example", "Examples"})


def restructured_text_files(reference: Reference, *, namespace: str = "") -> dict[str, str]:
    """Return the files of a reference in reStructuredText; the index has the table of contents.

    Args:
        reference: The reference.
        namespace: A prefix that separates its names from those of another schema in the project.
    """
    writer = _RestructuredTextWriter(reference)
    files = {}
    for page in (reference.index, *reference.pages):
        lines = [*_title(1, page.title)]
        if page is reference.index:
            lines += _toctree(reference.pages)
        elif namespace:
            lines += [f".. qapi:namespace:: {namespace}", ""]
        if page is not reference.index:
            lines += [f".. qapi:module:: {page.name}", ""]
        lines += writer.blocks(page.blocks)
        files[f"{page.name}.rst"] = "\n".join(lines).rstrip("\n") + "\n"
    return files


def _toctree(pages: Sequence[Page]) -> list[str]:
    names = [f"{_INDENT}{page.name}" for page in pages]
    return [".. toctree::", f"{_INDENT}:hidden:", f"{_INDENT}:maxdepth: 1", "", *names, ""]


def _title(level: int, text: str) -> list[str]:
    title = _at_start(escaped(" ".join(text.split())))
    width = sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in title)
    return [title, _UNDERLINES[level - 1] * width, ""]


class _RestructuredTextWriter:
    def __init__(self, reference: Reference) -> None:
        self._kinds = reference.kinds

    def blocks(self, blocks: Sequence[Block], *, is_within: bool = False) -> Iterator[str]:
        """Yield the lines of blocks, with an empty line after each block.

        Args:
            blocks: The blocks.
            is_within: True within a directive or a list, where no section can begin.
        """
        before: Block | None = None
        for block in blocks:
            if isinstance(block, ItemList) and isinstance(before, ItemList):
                yield from ("..", "")  # a comment separates two lists
            before = block
            match block:
                case Heading(level, text) if not is_within:
                    yield from _title(level, text)
                case Heading(text=text):
                    yield from (f".. rubric:: {escaped(text)}", "")
                case _:
                    yield from self._block(block)

    def _block(self, block: Block) -> Iterator[str]:
        match block:
            case Paragraph(spans):
                yield from (self._line(spans), "")
            case Code(text):
                yield from _code_block(text)
            case Note(kind, inner, title):
                name = "warning" if kind == "warning" else "note"
                head = f".. admonition:: {escaped(title)}" if title else f".. {name}::"
                yield from (head, "", *self._indented(inner))
            case Example():
                yield from self._example(block)
            case ItemList(items, is_numbered):
                for number, item in enumerate(items, 1):
                    yield from self._item(f"{number}. " if is_numbered else "- ", item)
                yield ""
            case Fields():
                yield from self._fields(block)
            case Returns(type_name, inner):
                yield from self._returns(type_name, inner)
            case Section(title, inner):
                yield from self._section(title, inner)
            case Entry():
                yield from self._entry(block)

    def _indented(self, blocks: Sequence[Block], indent: str = _INDENT) -> Iterator[str]:
        for line in self.blocks(blocks, is_within=True):
            yield indent + line if line else ""

    # --- Entries --------------------------------------------------------------------------------

    def _entry(self, entry: Entry) -> Iterator[str]:
        kind = _DIRECTIVES.get(entry.kind, entry.kind)
        yield f".. qapi:{kind}:: {'-'.join(entry.name.split())}"
        for option, value in (("since", entry.since), ("ifcond", entry.condition)):
            if value:
                yield f"{_INDENT}:{option}: {' '.join(value.split())}"
        for mark in entry.marks:
            yield f"{_INDENT}:{mark.name}:"
        yield ""
        blocks = list(entry.blocks)
        facts = (isinstance(block, Fields | Returns | Section) for block in blocks)
        text_end = next((at for at, is_fact in enumerate(facts) if is_fact), len(blocks))
        if entry.remarks:
            remarks = f"{', '.join(entry.remarks)}."
            remark = Paragraph((Text(remarks[0].upper() + remarks[1:], "emphasis"),))
            blocks.insert(text_end, remark)
            text_end += 1
        explained = tuple(mark for mark in entry.marks if mark.blocks)
        if explained:
            blocks.insert(text_end, Fields("feature", "Features", explained))
        yield from self._indented(blocks)

    def _fields(self, fields: Fields) -> Iterator[str]:
        """Yield the fields, then the items that refer to the fields of other entries."""
        own = [part for part in fields.parts if isinstance(part, Field)]
        others = tuple(part for part in fields.parts if isinstance(part, ListItem))
        yield from _with_gap(
            line for field in own for line in self._field(_FIELDS[fields.kind], field)
        )
        if others:
            title = f"Further {fields.title.lower()}" if own else fields.title
            yield from self._block(Paragraph((Text(title, "strong"),)))
            yield from self._block(ItemList(others))

    def _field(self, name: str, field: Field) -> Iterator[str]:
        words = [name]
        facts = field.facts
        if field.type is not None:
            words.append(_type_word(field.type) + "?" * field.is_optional)
        words.append(escaped("-".join(field.name.split())))
        if field.condition:
            facts = (*facts, (Text("if "), Text(field.condition, "code")))
        yield from self._labelled(" ".join(words), _with_facts(field.blocks, facts))

    def _labelled(self, label: str, blocks: Sequence[Block]) -> Iterator[str]:
        """Yield a field of a field list."""
        if blocks and isinstance(blocks[0], Paragraph):
            yield f":{label}: {self._line(blocks[0].spans)}"
            blocks = blocks[1:]
        else:
            yield f":{label}:"
        if blocks:
            yield from ("", *self._indented(blocks))

    def _returns(self, type_name: TypeName | None, blocks: Sequence[Block]) -> Iterator[str]:
        if type_name is None:
            yield from self._block(Paragraph((Text("Returns", "strong"), Text(": nothing"))))
            yield from self.blocks(blocks, is_within=True)
        else:
            yield from _with_gap(self._labelled(f"return {_type_word(type_name)}", blocks))

    def _section(self, title: str, blocks: Sequence[Block]) -> Iterator[str]:
        if title == "Errors":
            yield from _with_gap(self._labelled("error", blocks))
            return
        if not (title in _EXAMPLES and blocks and _is_example(blocks[0])):
            yield from self._block(Paragraph((Text(title, "strong"),)))
        yield from self.blocks(blocks, is_within=True)

    def _example(self, example: Example) -> Iterator[str]:
        options = [f"{_INDENT}:title: {escaped(example.title)}"] if example.title else []
        match example.blocks:
            case (Code(text),):
                yield from (".. qmp-example::", *options, "", *_quoted(text), "")
            case blocks:
                yield from (".. qmp-example::", f"{_INDENT}:annotated:", *options, "")
                for block in blocks:
                    if isinstance(block, Code) and _is_example(block):
                        lines = (".. code-block:: QMP", "", *_quoted(block.text))
                        yield from (_INDENT + line if line else "" for line in (*lines, ""))
                    else:
                        yield from self._indented((block,))

    # --- Lists and lines ------------------------------------------------------------------------

    def _item(self, mark: str, item: ListItem) -> Iterator[str]:
        blocks = item.blocks
        first = ""
        if item.head:
            spans = item.head
            if blocks and isinstance(blocks[0], Paragraph):
                spans, blocks = (*spans, Text(": "), *blocks[0].spans), blocks[1:]
            first = self._line(spans)
        elif blocks and isinstance(blocks[0], Paragraph):
            first, blocks = self._line(blocks[0].spans), blocks[1:]
        yield (mark + first).rstrip()
        if blocks:
            yield from ("", *self._indented(blocks, " " * len(mark)))

    def _line(self, spans: Spans) -> str:
        """Return a paragraph as one line."""
        line = ""
        was_markup = False
        for span in _joined(spans):
            text, is_markup = self._span(span)
            if not text:
                continue
            if line and (was_markup or is_markup):
                line += _gap(line, text, was_markup)
            line += text if line else _at_start(text) if not is_markup else text
            was_markup = is_markup
        line = line.strip() or "\\"
        return f"\\ {line}" if _RULE.fullmatch(line) else line

    def _span(self, span: Span) -> tuple[str, bool]:
        """Return the text of a span, and True if it has markup."""
        if isinstance(span, Link):
            return self._link(span), True
        if span.style == "code":
            return _code(span.text), True
        if not span.style:
            return escaped(" ".join(re.split(r"\s+", span.text))), False
        mark = "**" if span.style == "strong" else "*"
        inner = escaped(span.text.strip())
        return f"{mark}{inner}{mark}" if inner else "", True

    def _link(self, link: Link) -> str:
        kind, _, name = link.target.partition(":")
        if kind == "page":
            return f":doc:`{escaped(link.text)} <{name}>`"
        if not link.target.startswith("#"):
            address = re.sub(r"[\\`*<>]|_\Z", r"\\\g<0>", "".join(link.target.split()))
            return f"`{escaped(link.text)} <{address}>`__"
        name = link.target[1:]
        role = _ROLES[self._kinds[name]]
        if not _NAME.fullmatch(name):
            return _code(link.text)
        if link.text == name:
            return f":qapi:{role}:`{name}`"
        return f":qapi:{role}:`{escaped(link.text)} <{name}>`"


def _with_gap(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, followed by an empty line if the last isn't empty."""
    line = ""
    for line in lines:
        yield line
    if line:
        yield ""


def _joined(spans: Spans) -> list[Span]:
    """Join adjacent plain texts, because markup to escape may cross their border."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if isinstance(span, Text) and isinstance(last, Text) and not (span.style or last.style):
            joined[-1] = Text(last.text + span.text)
        else:
            joined.append(span)
    return joined


def _type_word(type_name: TypeName) -> str:
    name = type_name.json_type or type_name.name
    return "[" * type_name.depth + name + "]" * type_name.depth


def _with_facts(blocks: tuple[Block, ...], facts: Sequence[Spans]) -> tuple[Block, ...]:
    """Add facts in parentheses to the end of the first paragraph."""
    if not facts:
        return blocks
    spans: list[Span] = [Text("(")]
    for index, fact in enumerate(facts):
        spans += [*([Text(", ")] if index else []), *fact]
    spans.append(Text(")"))
    if blocks and isinstance(blocks[0], Paragraph):
        return (Paragraph((*blocks[0].spans, Text(" "), *spans)), *blocks[1:])
    return (Paragraph(tuple(spans)), *blocks)


def _is_example(block: Block) -> bool:
    return isinstance(block, Example) or (
        isinstance(block, Code) and _MESSAGE.match(block.text) is not None
    )


def _code_block(text: str) -> Iterator[str]:
    is_example = _MESSAGE.match(text)
    yield ".. qmp-example::" if is_example else ".. code-block:: text"
    yield from ("", *_quoted(text), "")


def _quoted(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield _INDENT + line if line.strip() else ""


def escaped(text: str) -> str:
    r"""Return a text escaped for the source of a page.

    Example:
        >>> escaped("a_b is *that_ big")
        'a_b is \\*that\\_ big'
    """
    return _SPECIAL.sub(r"\\\g<0>", text)


def _at_start(line: str) -> str:
    """Return a line escaped so that it isn't read as a list, a field, a comment or a rule."""
    line = line.lstrip()
    return f"\\{line}" if _AT_START.match(line) else line


def _code(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        return ""
    if "``" in text or text[0] == "`" or text[-1] in "`\\":
        return f":literal:`{escaped(text)}`"
    return f"``{text}``"


def _gap(before: str, after: str, was_markup: bool) -> str:
    """Return the invisible separator that two spans need if one of them has markup."""
    if was_markup:
        return "" if after[0] in " .,;:!?)]}" and not after.startswith("::") else "\\ "
    # Markup isn't read as such between brackets of a pair. Its mark has one character or two.
    is_closed = not set(")]}").isdisjoint(after[1:3])
    return "" if before[-1] in " ([{" and not is_closed else "\\ "
