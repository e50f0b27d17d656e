"""Pages in Markdown that GitHub and MyST (Sphinx) read in the same way.

Internal links use the anchors that both make from headings: the letters, digits, dashes and
underscores of the heading in lower case, followed by a number if the anchor is taken.
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
    Page,
    Paragraph,
    Returns,
    Section,
    Span,
)
from qmpeer.codegen.reference.flattening import flattened
from qmpeer.codegen.reference.pages import Reference

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>&|~$!]")
_NUMBERED: Final = re.compile(r"(\d{1,9})([.)])(?= |\Z)")
_WORDS: Final = re.compile(r"[^\w\- ]")


def markdown_files(reference: Reference, *, has_toctree: bool = False) -> dict[str, str]:
    """Return the files of a reference in Markdown.

    Args:
        reference: The reference.
        has_toctree: Add the pages to the table of contents of a Sphinx project.
    """
    pages = (reference.index, *reference.pages)
    anchors = {name: anchor for page in pages for name, anchor in _anchors(page).items()}
    files = {}
    for page in pages:
        writer = _MarkdownWriter(reference, page, anchors)
        lines = [f"# {_escaped(page.title)}", "", *writer.blocks(page.blocks)]
        if has_toctree and page is reference.index:
            names = [other.name for other in reference.pages]
            lines += ["```{toctree}", ":hidden:", ":maxdepth: 1", "", *names, "```", ""]
        files[f"{page.name}.md"] = "\n".join(lines).rstrip("\n") + "\n"
    return files


def _anchors(page: Page) -> dict[str, str]:
    """Return the anchor of each entry; other headings count, because they take anchors, too."""
    anchors: dict[str, str] = {}
    seen: dict[str, int] = {_slug(page.title): 1}
    for block in _headings(page.blocks):
        text = block.text if isinstance(block, Heading) else block.name
        slug = _slug(text)
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        if isinstance(block, Entry):
            anchors[block.name] = f"{slug}-{count}" if count else slug
    return anchors


def _headings(blocks: Sequence[Block]) -> Iterator[Heading | Entry]:
    for block in blocks:
        if isinstance(block, Heading | Entry):
            yield block
        if isinstance(block, Entry):
            yield from _headings(block.blocks)


def _slug(text: str) -> str:
    return _WORDS.sub("", text.lower()).replace(" ", "-")


class _MarkdownWriter:
    def __init__(self, reference: Reference, page: Page, anchors: dict[str, str]) -> None:
        self._reference = reference
        self._page = page
        self._anchors = anchors

    def blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        """Yield the lines of blocks, with an empty line after each block."""
        for block in blocks:
            match block:
                case Paragraph(spans):
                    yield from (_at_start(self.spans(spans)), "")
                case Code(text):
                    # The fence is longer than any run of backticks in the code.
                    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
                    yield from (f"{fence}text", *text.split("\n"), fence, "")
                case Heading(level, text):
                    yield from (f"{'#' * level} {_escaped(text)}", "")
                case Entry(name=name, level=level):
                    yield from (f"{'#' * level} {_escaped(name)}", "")
                    yield from self.blocks(tuple(flattened(block)))
                case Note(kind, inner, title):
                    head = f"**{_escaped(title or kind.capitalize())}**"
                    lines = [head, "", *self.blocks(inner)][:-1]
                    yield from (*(f"> {line}".rstrip() for line in lines), "")
                case Example() | Fields() | Returns() | Section():
                    yield from self.blocks(tuple(flattened(block)))
                case ItemList(items, is_numbered):
                    for number, item in enumerate(items, 1):
                        yield from self._item(f"{number}. " if is_numbered else "- ", item)
                    yield ""

    def _item(self, mark: str, item: ListItem) -> Iterator[str]:
        lines: list[str] = []
        rest = item.blocks
        if item.head:
            head = self.spans(item.head)
            if rest and isinstance(rest[0], Paragraph):
                head += f": {self.spans(rest[0].spans)}"
                rest = rest[1:]
            lines += [_at_start(head), ""]
        lines += self.blocks(rest)
        while lines and not lines[-1]:
            lines.pop()
        first, *others = lines or [""]
        yield (mark + first).rstrip()
        for line in others:
            yield " " * len(mark) + line if line else ""

    def spans(self, spans: Sequence[Span]) -> str:
        """Return a line of text."""
        return "".join(map(self._span, spans))

    def _span(self, span: Span) -> str:
        if isinstance(span, Link):
            text = _code(span.text) if span.is_code else _escaped(span.text)
            return f"[{text}]({self._target(span.target)})"
        if span.style == "code":
            return _code(span.text)
        mark = {"strong": "**", "emphasis": "*"}.get(span.style, "")
        return f"{mark}{_escaped(span.text)}{mark}"

    def _target(self, target: str) -> str:
        if target.startswith("page:"):
            return f"{target.removeprefix('page:')}.md"
        if not target.startswith("#"):
            return f"<{target}>"
        name = target[1:]
        place = self._reference.places[name]
        file = "" if place == self._page.name else f"{place}.md"
        return f"{file}#{self._anchors[name]}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _at_start(line: str) -> str:
    """Return a line escaped so that it isn't read as a list, a heading or a comment."""
    line = line.strip()
    numbered = _NUMBERED.match(line)
    if numbered:
        return f"{numbered[1]}\\{line[numbered.end(1) :]}"
    return f"\\{line}" if line[:1] in tuple("-+=:#>%(") else line


def _code(text: str) -> str:
    runs = re.findall("`+", text)
    fence = "`" * (1 + max(map(len, runs), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
