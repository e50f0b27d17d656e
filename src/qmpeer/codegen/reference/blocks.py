"""Blocks: the parts of a documentation page, independent of its format.

A page is a sequence of blocks; a block contains spans, or further blocks.
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
        text: The visible text.
        target: A web address, or "#" and the name of an entry, or "page:" and the name of a page.
        is_code: True if it is shown as code.
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
    """Preformatted lines."""

    text: str


class ListItem(msgspec.Struct, frozen=True):
    """An item of a list; `head` comes before its blocks."""

    blocks: "tuple[Block, ...]"
    head: Spans = ()


class ItemList(msgspec.Struct, frozen=True):
    """A list; a numbered list begins with 1."""

    items: tuple[ListItem, ...]
    is_numbered: bool = False


class Note(msgspec.Struct, frozen=True):
    """A highlighted box; its kind is "note", "warning", "deprecated" or "unstable"."""

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
    """A type, as a member or a result mentions it.

    Attributes:
        name: The type's name; for an array, the name of its elements' type.
        depth: The number of nested arrays.
        json_type: The JSON type of its values, if the type has no entry of its own.
    """

    name: str
    depth: int = 0
    json_type: str = ""


class Field(msgspec.Struct, frozen=True):
    """One argument, member, value, branch or feature of an entry.

    Attributes:
        name: Its name.
        blocks: Its description.
        type: Its type, if it has one.
        is_optional: True if it may be omitted.
        facts: Other facts: its default, the release that added it, its features.
        condition: Its condition in the schema.
    """

    name: str
    blocks: "tuple[Block, ...]" = ()
    type: TypeName | None = None
    is_optional: bool = False
    facts: tuple[Spans, ...] = ()
    condition: str = ""


FieldKind: TypeAlias = Literal["argument", "member", "value", "branch", "feature"]


class Fields(msgspec.Struct, frozen=True):
    """The fields of one kind; an item among them refers to the fields of another entry."""

    kind: FieldKind
    title: str
    parts: tuple[Field | ListItem, ...]


class Returns(msgspec.Struct, frozen=True):
    """The return value of a command; a `type` of None means nothing."""

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
        level: The level of its heading.
        kind: Its kind: "command", "event", "enum", "object", "union" or "alternate".
        blocks: The content below the heading and the facts.
        since: The release that added it.
        marks: Its features with a general meaning: deprecated, unstable.
        remarks: Short facts about a command.
        condition: Its condition in the schema.
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
    Paragraph | Code | ItemList | Note | Heading | Example | Fields | Returns | Section | Entry
)


class Page(msgspec.Struct, frozen=True):
    """A page.

    Attributes:
        name: The name of its file, without the suffix.
        title: Its title.
        blocks: Its content.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
