"""Plain blocks for entries, in formats that have no directives for them.

The result contains only paragraphs, lists, code, headings and notes.
"""

from collections.abc import Iterator

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Example,
    Field,
    Fields,
    ItemList,
    Link,
    ListItem,
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
    """Yield the plain blocks of a block; for an entry, those below its heading.

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
            yield ItemList(tuple(p if isinstance(p, ListItem) else field_item(p) for p in parts))
        case Returns(type_name, blocks):
            spans = (Text("nothing"),) if type_name is None else type_spans(type_name)
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


def field_item(field: Field) -> ListItem:
    """Return a field as a list item: its name, and its facts in parentheses."""
    facts: list[Spans] = [type_spans(field.type)] if field.type is not None else []
    if field.is_optional:
        facts.append((Text("optional"),))
    facts += field.facts
    head: list[Span] = [Text(field.name, "code")]
    for index, spans in enumerate(facts):
        head += [Text(", " if index else " ("), *spans]
    if facts:
        head.append(Text(")"))
    return ListItem(field.blocks, (*head, *condition_spans(field.condition)))


def condition_spans(condition: str) -> Spans:
    """Return the text that follows a conditional part."""
    return (Text(", if "), Text(condition, "code")) if condition else ()


def type_spans(type_name: TypeName) -> Spans:
    """Return a type in words, with a link to its entry if it has one."""
    name = (
        Text(type_name.name, "code")
        if type_name.json_type
        else Link(type_name.name, f"#{type_name.name}", is_code=True)
    )
    return (Text("array of " * type_name.depth), name) if type_name.depth else (name,)
