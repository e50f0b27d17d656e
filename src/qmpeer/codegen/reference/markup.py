"""The parser of doc comments' markup, which makes blocks of it.

The markup of all releases is accepted. Today it is a part of reStructuredText; before, it was less.
It has paragraphs, lists, literal text after ``::`` or ``|``, a few directives, examples with ``->``
and ``<-``, and headings after ``=`` or above a line. Unknown markup stays text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from qmpeer.codegen.reference.blocks import (
    Block,
    Code,
    Example,
    Heading,
    ItemList,
    Link,
    ListItem,
    Note,
    Paragraph,
    Spans,
    Text,
)

Resolve: TypeAlias = Callable[[str], str | None]
"""A function that returns the link target for a name; None if the schema has no such name."""

_DIRECTIVE: Final = re.compile(r"\.\. ([\w-]+)::\s*(.*)")
_OPTION: Final = re.compile(r":([\w-]+):\s*(.*)")
_BULLET: Final = re.compile(r"[-*+] +")
_NUMBER: Final = re.compile(r"(?:\d{1,3}[.)]|\(\d{1,3}\)|#\.) +")
_HEADING: Final = re.compile(r"(={1,5}) +(\S.*)")
_RULE: Final = re.compile(r"([=*~^#\-])\1{2,} *\Z")
_GRID: Final = re.compile(r"\+[-=]+\+|={3,} +=")
_EXAMPLE: Final = re.compile(r"(?:->|<-)(?: |\Z)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_NOTES: Final = {
    "note": "note",
    "tip": "note",
    "hint": "note",
    "important": "warning",
    "caution": "warning",
    "warning": "warning",
    "attention": "warning",
    "danger": "warning",
    "admonition": "note",
}
_INLINE: Final = re.compile(
    r"``(?P<code>[^`]+(?:`[^`]+)*)``"
    r"|(?<![\w@])@(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*)"
    r"|(?::[a-z][a-z:-]{0,40}:)?`(?P<role>[^`<>]++)(?:<(?P<target>[^`<>]++)>)?`(?P<end>_{0,2})"
    r"|(?P<url>https?://[^\s<>()\"'`]*[^\s<>()\"'`.,;:!?])"
    r"|(?<![\w*])\*\*(?P<strong>[^\s*](?:[^*]*[^\s*])?)\*\*(?![\w*])"
    r"|(?<![\w*])\*(?P<emphasis>[^\s*](?:[^*]*[^\s*])?)\*(?![\w*])"
)


def blocks_of(text: str, resolve: Resolve) -> tuple[Block, ...]:
    r"""Parse a text into blocks.

    Example:
        >>> paragraph, code = blocks_of("Eject @device::\n\n  now", lambda name: None)
        >>> paragraph.spans[1], code.text
        (Text(text='device', style='code'), 'now')
    """
    clean = _CONTROL.sub("", text.expandtabs(8))
    return _MarkupReader([line.rstrip() for line in clean.split("\n")], resolve).read()


def plain(text: str) -> Spans:
    """Return a text without markup."""
    return (Text(text),)


def spans_of(text: str, resolve: Resolve) -> Spans:
    """Parse the inline markup of a paragraph."""
    spans: list[Text | Link] = []
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            spans.append(Text(text[end : found.start()]))
        spans.append(_span(found, resolve))
        end = found.end()
    if end < len(text):
        spans.append(Text(text[end:]))
    return tuple(spans)


def _span(found: re.Match[str], resolve: Resolve) -> Text | Link:
    match found.lastgroup:
        case "code":
            name = found["code"].strip()
            target = resolve(name)
            return Link(name, target, is_code=True) if target else Text(name, "code")
        case "name":
            target = resolve(found["name"])
            return Link(found["name"], target, True) if target else Text(found["name"], "code")
        case "url":
            return Link(found["url"], found["url"])
        case "strong" | "emphasis" as style:
            return Text(found[style], style)
        case _:
            words, target = found["role"].strip(), found["target"] or ""
            if target.startswith(("http://", "https://")):
                return Link(words, target)
            known = resolve(target or words)
            return Link(words, known, is_code=True) if known else Text(words, "emphasis")


class _MarkupReader:
    """A parser of lines; each method parses one kind of block from the current line."""

    def __init__(self, lines: Sequence[str], resolve: Resolve, depth: int = 0) -> None:
        self._lines = lines
        self._resolve = resolve
        self._at = 0
        self._depth = depth
        self._rules: list[str] = []

    def read(self) -> tuple[Block, ...]:
        blocks: list[Block] = []
        lines = self._lines
        while self._at < len(lines):
            if not lines[self._at]:
                self._at += 1
                continue
            blocks.extend(self._block(lines[self._at]))
        return tuple(blocks)

    def _block(self, line: str) -> Sequence[Block]:
        if line[0] == " ":
            return self._quoted()
        directive = _DIRECTIVE.match(line)
        if directive:
            return self._directive(directive[1], directive[2])
        if line.startswith(".. ") or line == "..":  # a comment, or a target
            self._at += 1
            self._indented()
            return ()
        if line.startswith("|"):
            return [self._literal(lambda text: text.startswith("|"), lambda text: text[2:])]
        if _EXAMPLE.match(line):
            return [self._example()]
        heading = _HEADING.fullmatch(line)
        if heading:
            self._at += 1
            return [Heading(len(heading[1]) + 1, heading[2])]
        if _GRID.match(line):
            return [self._literal(bool, str)]
        title = self._title()
        if title is not None:
            return [title]
        for pattern, is_numbered in ((_BULLET, False), (_NUMBER, True)):
            if pattern.match(line):
                return [self._items(pattern, is_numbered)]
        return self._paragraph()

    def _nested(self, lines: Sequence[str]) -> tuple[Block, ...]:
        # Deeper lists stay text: parsing recurses at each level.
        if self._depth >= 20:
            return (Code("\n".join(lines).strip("\n")),)
        return _MarkupReader(lines, self._resolve, self._depth + 1).read()

    def _indented(self) -> list[str]:
        """Consume the indented lines, and return them without their common indentation."""
        begin = self._at
        while self._at < len(self._lines) and self._lines[self._at][:1] in ("", " "):
            self._at += 1
        taken = self._lines[begin : self._at]
        filled = [len(line) - len(line.lstrip()) for line in taken if line]
        common = min(filled, default=0)
        return [line[common:] for line in taken]

    def _quoted(self) -> Sequence[Block]:
        return self._nested(self._indented())

    def _directive(self, name: str, argument: str) -> Sequence[Block]:
        self._at += 1
        body = self._indented()
        options: dict[str, str] = {}
        begin = 0
        while begin < len(body) and (option := _OPTION.fullmatch(body[begin])):
            options[option[1]] = option[2]
            begin += 1
        body = body[begin:]
        if name in _NOTES:
            title = ""
            if name == "admonition":
                title, argument = argument, ""
            inner = self._nested([argument, *body] if argument else body)
            return [Note(_NOTES[name], inner, title)] if inner else []
        code = Code("\n".join(body).strip("\n"))
        if name == "qmp-example":
            shown = self._nested(body) if "annotated" in options else (code,)
            return [Example(shown, options.get("title", ""))]
        if name in ("code-block", "code", "parsed-literal", "table"):
            return [code] if code.text else []
        return self._nested([argument, "", *body])

    def _literal(self, goes_on: Callable[[str], bool], text_of: Callable[[str], str]) -> Code:
        begin = self._at
        while self._at < len(self._lines) and goes_on(self._lines[self._at]):
            self._at += 1
        return Code("\n".join(map(text_of, self._lines[begin : self._at])))

    def _example(self) -> Code:
        """Consume messages, up to unindented text after a blank line."""
        begin, end = self._at, self._at
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line:
                self._at += 1
                continue
            if self._at > end and line[0] != " " and not _EXAMPLE.match(line):
                break
            self._at += 1
            end = self._at
        self._at = end
        return Code("\n".join(self._lines[begin:end]))

    def _title(self) -> Heading | None:
        """Consume a title with a rule below it, and perhaps another above."""
        lines, at = self._lines, self._at
        above = _RULE.match(lines[at])
        text_at = at + 1 if above else at
        if text_at + 1 >= len(lines) or not lines[text_at]:
            return None
        below = _RULE.match(lines[text_at + 1])
        if below is None or len(lines[text_at + 1]) < len(lines[text_at].strip()):
            return None
        self._at = text_at + 2
        style = below[1] + ("+" if above else "")
        if style not in self._rules:
            self._rules.append(style)
        return Heading(min(self._rules.index(style), 4) + 2, lines[text_at].strip())

    def _items(self, pattern: re.Pattern[str], is_numbered: bool) -> ItemList:
        items: list[ListItem] = []
        lines = self._lines
        while self._at < len(lines) and (mark := pattern.match(lines[self._at])):
            first = lines[self._at][mark.end() :]
            self._at += 1
            rest = self._indented()
            if not rest and self._goes_on():  # older releases didn't indent further lines
                while self._at < len(lines) and self._goes_on():
                    rest.append(lines[self._at])
                    self._at += 1
                rest += self._indented()
            items.append(ListItem(self._nested([first, *rest])))
        return ItemList(tuple(items), is_numbered)

    def _goes_on(self) -> bool:
        """Return True if the current line may continue the text before it."""
        line = self._lines[self._at] if self._at < len(self._lines) else ""
        return bool(line) and not (
            line[0] in " |" or _BULLET.match(line) or _NUMBER.match(line) or _EXAMPLE.match(line)
        )

    def _paragraph(self) -> Sequence[Block]:
        begin = self._at
        self._at += 1
        while self._goes_on():
            self._at += 1
        text = " ".join(line.strip() for line in self._lines[begin : self._at])
        is_term = self._at == begin + 1 and self._lines[self._at : self._at + 1] not in ([], [""])
        if text.endswith("::"):
            text = text[:-2].rstrip() + ":"
            while self._at < len(self._lines) and not self._lines[self._at]:
                self._at += 1
            code = Code("\n".join(self._indented()).strip("\n"))
            shown: list[Block] = [code] if code.text else []
            return shown if text == ":" else [Paragraph(spans_of(text, self._resolve)), *shown]
        if is_term and self._lines[self._at][0] == " ":
            inner = self._nested(self._indented())
            return [ItemList((ListItem(inner, spans_of(text, self._resolve)),))]
        return [Paragraph(spans_of(text, self._resolve))]
