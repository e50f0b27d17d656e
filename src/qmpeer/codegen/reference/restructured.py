"""Pages in reStructuredText, which docutils reads as well as Sphinx.

Links to other pages are to the HTML files that both make of these.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Entry,
    Heading,
    Item,
    Items,
    Link,
    Note,
    Page,
    Paragraph,
    Span,
)
from qmpeer.codegen.reference.pages import Reference

__all__ = ["restructured_files"]

_SPECIAL: Final = re.compile(r"[\\*`|_]")
_RULES: Final = "=-~^\"'"
_KINDS: Final = {"note": "note", "warning": "warning"}


def restructured_files(reference: Reference) -> dict[str, str]:
    """Return the files of a reference in reStructuredText."""
    files = {}
    for page in (reference.index, *reference.pages):
        writer = _Writer(reference, page)
        lines = [*_title(_escaped(page.title), 1), *writer.blocks(page.blocks, 1)]
        files[f"{page.name}.rst"] = "\n".join(lines).rstrip("\n") + "\n"
    return files


class _Writer:
    def __init__(self, reference: Reference, page: Page) -> None:
        self._reference = reference
        self._page = page
        self._levels = {1: 1}

    def blocks(self, blocks: Sequence[Block], depth: int) -> Iterator[str]:
        """Give the lines of blocks, an empty line behind each.

        Args:
            blocks: The blocks.
            depth: The depth of the last heading: no depth may be left out.
        """
        for block in blocks:
            match block:
                case Paragraph(spans):
                    yield from (_at_start(self.spans(spans)), "")
                case Code(text):
                    yield from (".. code-block:: text", "", *_indented(text.split("\n"), 3), "")
                case Heading(level, text):
                    depth = min(level, depth + 1)
                    yield from _title(_escaped(text), depth)
                case Entry(name=name, level=level, blocks=inner):
                    yield from (f".. _{self._anchor(name)}:", "")
                    yield from _title(_escaped(name), min(level, depth + 1))
                    yield from self.blocks(inner, depth + 1)
                case Note(kind, inner, title):
                    directive = _KINDS.get(kind) if not title else None
                    head = f".. {directive}::"
                    if directive is None:
                        head = f".. admonition:: {_escaped(title or kind.capitalize())}"
                    yield from (head, "", *_indented(self.blocks(inner, depth), 3))
                case Items(items, is_numbered):
                    for number, item in enumerate(items, 1):
                        mark = f"{number}. " if is_numbered else "* "
                        yield from self._item(mark, item, depth)

    def _item(self, mark: str, item: Item, depth: int) -> Iterator[str]:
        lines: list[str] = []
        rest = item.blocks
        if item.head:
            head = self.spans(item.head)
            if rest and isinstance(rest[0], Paragraph):
                head += f": {self.spans(rest[0].spans)}"
                rest = rest[1:]
            lines += [_at_start(head), ""]
        lines += self.blocks(rest, depth)
        if not lines:
            lines = ["\\ ", ""]
        if lines[0].startswith(".. "):  # a list's first line can't begin a directive
            lines = ["\\ ", "", *lines]
        first, *others = _indented(lines, len(mark))
        yield mark + first.strip()
        yield from others

    def spans(self, spans: Sequence[Span]) -> str:
        """Return a line of text; inline markup is set apart by blanks that don't show."""
        result = ""
        for span in spans:
            text, is_marked = self._span(span)
            if is_marked:
                text = f"\\ {text}\\ "
            result += text
        result = result.replace("\\ \\ ", "\\ ")
        return re.sub(r"(?<=\s)\\ |\\ (?=\s)|\A\\ |\\ \Z", "", result)

    def _span(self, span: Span) -> tuple[str, bool]:
        if isinstance(span, Link):
            text = re.sub(r"[<>]", r"\\\g<0>", _escaped(span.text))
            if span.text == span.target:
                return f"`<{span.target}>`__", True
            return f"`{text} <{self._target(span.target)}>`__", True
        inner = span.text
        is_clean = bool(inner) and inner == inner.strip()
        if span.style == "code" and is_clean and "``" not in inner and not inner.endswith("\\"):
            return f"``{inner}``", True
        if span.style in ("strong", "emphasis") and is_clean:
            mark = "**" if span.style == "strong" else "*"
            return f"{mark}{_escaped(inner)}{mark}", True
        return _escaped(inner), False

    def _target(self, target: str) -> str:
        if target.startswith("page:"):
            return f"{target.removeprefix('page:')}.html"
        if not target.startswith("#"):
            return target
        name = target[1:]
        place = self._reference.places[name]
        file = "" if place == self._page.name else f"{place}.html"
        return f"{file}#{self._anchor(name)}"

    def _anchor(self, name: str) -> str:
        """Return an anchor of small letters, digits and dashes, as docutils makes of any name.

        What it would fold together is kept apart by the code of each other character.
        """
        return "def-" + "".join(
            char if char.isdigit() or (char.isascii() and char.islower()) else _code_of(char)
            for char in name
        )


def _code_of(char: str) -> str:
    if char in "-_.":
        return {"-": "-", "_": "-u-", ".": "-d-"}[char]
    return f"-{char.lower()}" if char.isascii() and char.isupper() else f"-x{ord(char):x}-"


def _title(text: str, depth: int) -> tuple[str, ...]:
    rule = _RULES[min(depth, len(_RULES)) - 1] * max(4, len(text.encode()))
    return (_at_start(text), rule, "")


def _indented(lines: Sequence[str] | Iterator[str], width: int) -> list[str]:
    return [" " * width + line if line else "" for line in lines]


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text).replace("::", ":\\:")


def _at_start(line: str) -> str:
    """Keep a line from being taken for a list, a comment, a field, an option."""
    line = line.strip()
    if not line:
        return "\\ "
    if re.match(r"[-+=~^\"'#.:/<>!$%&(),;?@\[\]{}\u2022]|\(?[A-Za-z\d#]{1,9}[.)](\s|\Z)", line):
        return f"\\{line}"
    return line
