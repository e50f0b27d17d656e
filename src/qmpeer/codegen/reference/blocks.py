"""Blocks: what a page of documentation consists of, whatever it is written in.

A page is a sequence of blocks; a block holds spans, or further blocks.
"""

from typing import TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True):
    """A run of text; its style is "", "code", "emphasis" or "strong"."""

    text: str
    style: str = ""


class Link(msgspec.Struct, frozen=True):
    """A link.

    Attributes:
        text: What is shown.
        target: An address of the web, or what an entry or a page is called: "#" and the name of the
            entry, "page:" and the name of the page.
        is_code: It is shown as code.
    """

    text: str
    target: str
    is_code: bool = False


Span: TypeAlias = Text | Link
Spans: TypeAlias = tuple[Span, ...]


class Paragraph(msgspec.Struct, frozen=True):
    """A paragraph."""

    spans: Spans


class Code(msgspec.Struct, frozen=True):
    """Lines that stay as they are."""

    text: str


class Item(msgspec.Struct, frozen=True):
    """An item of a list; `head` stands before its blocks."""

    blocks: "tuple[Block, ...]"
    head: Spans = ()


class Items(msgspec.Struct, frozen=True):
    """A list; one that is numbered begins with 1."""

    items: tuple[Item, ...]
    is_numbered: bool = False


class Note(msgspec.Struct, frozen=True):
    """A box that stands out; its kind is "note", "warning", "deprecated" or "unstable"."""

    kind: str
    blocks: "tuple[Block, ...]"
    title: str = ""


class Heading(msgspec.Struct, frozen=True):
    """A heading within a page, of level 2 and below."""

    level: int
    text: str


class Entry(msgspec.Struct, frozen=True):
    """The entry of one definition.

    Attributes:
        name: The definition's name.
        level: That of its heading.
        blocks: What stands below the heading.
    """

    name: str
    level: int
    blocks: "tuple[Block, ...]"


Block: TypeAlias = Paragraph | Code | Items | Note | Heading | Entry


class Page(msgspec.Struct, frozen=True):
    """A page.

    Attributes:
        name: What its file is called, without the ending.
        title: Its title.
        blocks: What is on it.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
