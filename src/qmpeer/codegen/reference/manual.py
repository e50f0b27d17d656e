"""Manual pages in section 7: one for each module, and one that lists them.

A link is the name of the entry in bold.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Entry,
    Example,
    Fields,
    Heading,
    ItemList,
    Link,
    ListItem,
    Note,
    Paragraph,
    Returns,
    Section,
    Span,
)
from qmpeer.codegen.reference.flattening import flattened
from qmpeer.codegen.reference.pages import INDEX, Reference

_PREFIX: Final = "qmp"
_FONTS: Final = {"code": "B", "strong": "B", "emphasis": "I"}
_SIGNS: Final = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def manual_files(reference: Reference) -> dict[str, str]:
    """Return the files of a reference as manual pages."""
    files = {}
    for page in (reference.index, *reference.pages):
        name = _named(page.name)
        head = [
            f".TH {word(name.upper())} 7 {word('')} {word(reference.title)}",
            ".SH NAME",
            f"{escaped(name)} \\- {escaped(page.title)}",
        ]
        lines = [*head, ".SH DESCRIPTION", *_ManualWriter().blocks(page.blocks)]
        others = [INDEX] if page is not reference.index else [p.name for p in reference.pages]
        see = ", ".join(f"\\fB{escaped(_named(other))}\\fR(7)" for other in others)
        if see:
            lines += [".SH SEE ALSO", see]
        files[f"{name}.7"] = "\n".join(lines) + "\n"
    return files


def _named(page: str) -> str:
    return _PREFIX if page == INDEX else f"{_PREFIX}-{page}"


class _ManualWriter:
    def blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        """Yield the lines of blocks; each block begins with its macro."""
        for block in blocks:
            match block:
                case Paragraph(spans):
                    yield from (".PP", self.spans(spans))
                case Code(text):
                    yield from (".PP", ".RS 4", ".nf", ".ft CR")
                    yield from (line(escaped(each)) for each in text.split("\n"))
                    yield from (".ft", ".fi", ".RE")
                case Heading(level, text):
                    yield f"{'.SH' if level == 2 else '.SS'} {word(text)}"
                case Entry(name=name):
                    yield f".SS {word(name)}"
                    yield from self.blocks(tuple(flattened(block)))
                case Note(kind, inner, title):
                    yield from (".PP", f"\\fB{escaped(title or kind.capitalize())}\\fR")
                    yield from (".RS 4", *self.blocks(inner), ".RE")
                case Example() | Fields() | Returns() | Section():
                    yield from self.blocks(tuple(flattened(block)))
                case ItemList(items, is_numbered):
                    for number, item in enumerate(items, 1):
                        yield from self._item(f"{number}." if is_numbered else "\\(bu", item)

    def _item(self, mark: str, item: ListItem) -> Iterator[str]:
        blocks = item.blocks
        if item.head:
            yield from (".TP", self.spans(item.head))
        else:
            yield f'.IP "{mark}" 4'
        if blocks and isinstance(blocks[0], Paragraph):
            yield self.spans(blocks[0].spans)
            blocks = blocks[1:]
        elif item.head and not blocks:  # .TP needs a body
            yield "\\&"
        if blocks:
            yield from (".RS", *self.blocks(blocks), ".RE")

    def spans(self, spans: Sequence[Span]) -> str:
        """Return a line of text."""
        return line("".join(map(self._span, spans)).strip() or "\\&")

    def _span(self, span: Span) -> str:
        if isinstance(span, Link):
            text = span.text
            if span.target.startswith("page:"):
                return f"\\fB{escaped(_named(span.target.removeprefix('page:')))}\\fR(7)"
            if not span.target.startswith("#") and span.target != text:
                text = f"{text} <{span.target}>"
            return f"\\fB{escaped(text)}\\fR"
        font = _FONTS.get(span.style)
        return f"\\f{font}{escaped(span.text)}\\fR" if font else escaped(span.text)


def escaped(text: str) -> str:
    """Return a text escaped for the source of a page."""
    return re.sub(r"[\\\-'`^~]", lambda found: _SIGNS[found[0]], text)


def line(text: str) -> str:
    """Return a line escaped so that man doesn't read it as a macro."""
    return f"\\&{text}" if text[:1] in (".", "'") else text


def word(text: str) -> str:
    """Return a text as an argument of a macro."""
    return '"' + escaped(" ".join(text.split())).replace('"', "\\(dq") + '"'
