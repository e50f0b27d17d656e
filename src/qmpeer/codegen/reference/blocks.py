"""Blocks: what a page of documentation consists of, whatever it is written in.

A page is a sequence of blocks; a block holds spans, or further blocks.
"""

from typing import Literal, TypeAlias

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


class Example(msgspec.Struct, frozen=True):
    """An example of a conversation: code, perhaps with text around it."""

    blocks: "tuple[Block, ...]"
    title: str = ""


class TypeName(msgspec.Struct, frozen=True):
    """A type, as a member or a result names it.

    Attributes:
        name: The type's name; that of the elements if it is an array.
        depth: How many arrays are around it.
        json_type: What JSON calls its values, if the type has no entry of its own.
    """

    name: str
    depth: int = 0
    json_type: str = ""


class Field(msgspec.Struct, frozen=True):
    """One argument, member, value, branch or feature of an entry.

    Attributes:
        name: Its name.
        blocks: What is said about it.
        type: Its type, if it has one.
        is_optional: It may be left out.
        facts: What else is known: its default, the release that brought it, its features.
        condition: What must be configured for it.
    """

    name: str
    blocks: "tuple[Block, ...]" = ()
    type: TypeName | None = None
    is_optional: bool = False
    facts: tuple[Spans, ...] = ()
    condition: str = ""


FieldKind: TypeAlias = Literal["argument", "member", "value", "branch", "feature"]


class Fields(msgspec.Struct, frozen=True):
    """The fields of one kind; an item among them stands for the fields of another entry."""

    kind: FieldKind
    title: str
    parts: tuple[Field | Item, ...]


class Returns(msgspec.Struct, frozen=True):
    """What a command returns; nothing if it has no type."""

    type: TypeName | None
    blocks: "tuple[Block, ...]"


class Section(msgspec.Struct, frozen=True):
    """A part of an entry with a title, such as Errors."""

    title: str
    blocks: "tuple[Block, ...]"


class Entry(msgspec.Struct, frozen=True):
    """The entry of one definition.

    Attributes:
        name: The definition's name.
        level: That of its heading.
        kind: What it is: "command", "event", "enum", "object", "union" or "alternate".
        blocks: What stands below the heading and the facts.
        since: The release that brought it.
        marks: Its features that everybody must know: deprecated, unstable.
        remarks: Facts about a command, in a few words each.
        condition: What must be configured for it.
    """

    name: str
    level: int
    kind: str
    blocks: "tuple[Block, ...]"
    since: str = ""
    marks: tuple[Field, ...] = ()
    remarks: tuple[str, ...] = ()
    condition: str = ""


Block: TypeAlias = (
    Paragraph | Code | Items | Note | Heading | Example | Fields | Returns | Section | Entry
)


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
