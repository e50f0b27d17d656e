"""Flattening: an entry as plain blocks, for formats that have no directives for it.

What is left are paragraphs, lists, code and notes.
"""

from collections.abc import Iterator

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Example,
    Field,
    Fields,
    Item,
    Items,
    Link,
    Note,
    Paragraph,
    Returns,
    Section,
    Span,
    Spans,
    Text,
    TypeName,
)


def flattened(block: Entry | Example | Fields | Returns | Section) -> Iterator[Block]:
    """Give what a block consists of; of an entry, what stands below its heading.

    Example:
        >>> list(flattened(Section("Errors", ())))
        [Paragraph(spans=(Text(text='Errors', style='strong'),))]
    """
    match block:
        case Entry():
            yield _headline(block)
            yield from map(_mark, block.marks)
            yield from block.blocks
        case Example(blocks, title):
            if title:
                yield Paragraph((Text(f"{title}:"),))
            yield from blocks
        case Fields(title=title, parts=parts):
            yield Paragraph((Text(title, "strong"),))
            yield Items(tuple(p if isinstance(p, Item) else field_item(p) for p in parts))
        case Returns(of, blocks):
            spans = (Text("nothing"),) if of is None else type_spans(of)
            yield Paragraph((Text("Returns", "strong"), Text(": "), *spans))
            yield from blocks
        case Section(title, blocks):
            yield Paragraph((Text(title, "strong"),))
            yield from blocks


def _headline(entry: Entry) -> Paragraph:
    words = [entry.kind.capitalize()]
    if entry.since:
        words.append(f"since {entry.since}")
    words += [mark.name for mark in entry.marks]
    words += entry.remarks
    return Paragraph((Text(", ".join(words), "emphasis"), *condition_spans(entry.condition)))


def _mark(mark: Field) -> Note:
    return Note(mark.name, mark.blocks or (Paragraph((Text(f"This is {mark.name}."),)),))


def field_item(field: Field) -> Item:
    """Return a field as an item: its name, and in brackets what is known about it."""
    facts: list[Spans] = [type_spans(field.type)] if field.type is not None else []
    if field.is_optional:
        facts.append((Text("optional"),))
    facts += field.facts
    head: list[Span] = [Text(field.name, "code")]
    for index, spans in enumerate(facts):
        head += [Text(", " if index else " ("), *spans]
    if facts:
        head.append(Text(")"))
    return Item(field.blocks, (*head, *condition_spans(field.condition)))


def condition_spans(condition: str) -> Spans:
    """Return what stands behind something that depends on the configuration."""
    return (Text(", if "), Text(condition, "code")) if condition else ()


def type_spans(of: TypeName) -> Spans:
    """Return a type in words, linked to its entry if it has one."""
    name = Text(of.name, "code") if of.json_type else Link(of.name, f"#{of.name}", is_code=True)
    return (Text("array of " * of.depth), name) if of.depth else (name,)
