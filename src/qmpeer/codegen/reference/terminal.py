"""Lines for a terminal from blocks: filled to its width, coloured, without control characters."""

from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Heading,
    ItemList,
    Link,
    ListItem,
    Note,
    Paragraph,
)
from qmpeer.codegen.reference.blocks import Span as BlockSpan
from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import columns, visible

_NARROWEST: Final = 20
_KINDS: Final = {"code": "name", "strong": "heading", "emphasis": "heading"}
_CODE_INDENT: Final = 4


class TerminalWriter:
    r"""A writer of blocks for one width and palette.

    Args:
        width: The width of a line in columns.
        palette: The colours.

    Example:
        >>> from qmpeer.codegen.reference.markup import blocks_of
        >>> text = "Eject the medium of @device.\n\n1. open the tray\n2. take it out"
        >>> print("\n".join(TerminalWriter(20).lines(blocks_of(text, lambda name: None))))
        Eject the medium of
        device.
        1. open the tray
        2. take it out
    """

    def __init__(self, width: int, palette: Palette = PLAIN) -> None:
        self._width = max(width, _NARROWEST)
        self._palette = palette

    def lines(self, blocks: Sequence[Block], indent: int = 0) -> Iterator[str]:
        """Yield the lines of blocks, with an indentation."""
        before: Block | None = None
        for block in blocks:
            if isinstance(before, Paragraph) and isinstance(block, Paragraph | Note | Heading):
                yield ""
            yield from self._block(block, indent)
            before = block

    def _block(self, block: Block, indent: int) -> Iterator[str]:
        match block:
            case Paragraph(spans):
                yield from self.filled(spans, indent)
            case Code(text):
                blank = " " * (indent + _CODE_INDENT)
                yield from (f"{blank}{visible(line)}".rstrip() for line in text.split("\n"))
            case Heading(text=text):
                yield " " * indent + self._palette.paint("heading", visible(text))
            case Note(kind, inner, title):
                label = visible(title or kind.capitalize())
                yield " " * indent + self._palette.paint("hint", f"{label}:")
                yield from self.lines(inner, indent + 2)
            case ItemList(items, is_numbered):
                for number, item in enumerate(items, 1):
                    yield from self._item(f"{number}. " if is_numbered else "- ", item, indent)
            case _:  # blocks that only other formats treat specially: their content
                yield from self.lines(getattr(block, "blocks", ()), indent)

    def _item(self, mark: str, item: ListItem, indent: int) -> Iterator[str]:
        if item.head:
            yield from self.filled(item.head, indent)
            yield from self.lines(item.blocks, indent + 4)
            return
        inner = list(self.lines(item.blocks, indent + len(mark))) or [""]
        yield (" " * indent + mark + inner[0].lstrip(" ")).rstrip()
        yield from inner[1:]

    def filled(self, spans: Sequence[BlockSpan], indent: int = 0, more: int = 0) -> Iterator[str]:
        """Yield the lines of a text, broken at blanks; later lines are indented by `more`."""
        row, used = " " * indent, indent
        is_begun = False
        for word, width in self._words(spans):
            if is_begun and used + 1 + width > self._width:
                yield row
                row, used, is_begun = " " * (indent + more), indent + more, False
            gap = " " if is_begun else ""
            row, used, is_begun = f"{row}{gap}{word}", used + len(gap) + width, True
        if is_begun:
            yield row

    def _words(self, spans: Sequence[BlockSpan]) -> Iterator[tuple[str, int]]:
        """Yield each coloured word and its columns; a word may consist of several spans."""
        word, width = "", 0
        for span in spans:
            text, kind = _shown(span)
            for index, part in enumerate(text.replace("\n", " ").split(" ")):
                if index and word:
                    yield word, width
                    word, width = "", 0
                if part:
                    safe = visible(part)
                    word += self._palette.paint(kind, safe)
                    width += columns(safe)
        if word:
            yield word, width


def _shown(span: BlockSpan) -> tuple[str, str]:
    """Return the text of a span, and the name of its colour."""
    if isinstance(span, Link):
        is_address = not span.target.startswith(("#", "page:")) and span.target != span.text
        text = f"{span.text} <{span.target}>" if is_address else span.text
        return text, "name" if span.is_code else ""
    return span.text, _KINDS.get(span.style, "")
