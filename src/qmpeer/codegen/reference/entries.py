"""Entries: the descriptions of single commands, events and types."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Field,
    FieldKind,
    Fields,
    ItemList,
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
from qmpeer.codegen.reference.flattening import condition_spans, field_item, type_spans
from qmpeer.codegen.reference.markup import Resolve, blocks_of, plain
from qmpeer.schema import (
    SPECIAL_FEATURES,
    AlternateDefinition,
    Array,
    Branch,
    BuiltIn,
    CommandDefinition,
    Condition,
    Documentation,
    Entity,
    EnumDefinition,
    EnumValue,
    EventDefinition,
    Feature,
    Member,
    Schema,
    StructDefinition,
    Type,
    UnionDefinition,
    shape_of,
    special_features,
)
from qmpeer.schema import Section as DocSection
from qmpeer.schema.conditions import condition_text

_ASIDE: Final = re.compile(r"\(((?:since|default)\b[^()]*+)\)", re.IGNORECASE)
_SINCE: Final = re.compile(r"since:?\s+(?:version\s+)?v?([\d.]+\w*)", re.IGNORECASE)
_DEFAULT: Final = re.compile(r"default(?:s to|:| is)?\s+(.+)", re.IGNORECASE)
_LEFT_OUT: Final = frozenset({"Since", "TODO"})
_RETURNS: Final = frozenset({"Returns", "Return"})
_NOTES: Final = {"Note": "note", "Notes": "note"}
_EMPTY: Final = Documentation()


def kind_of(definition: Entity | Type) -> str:
    """Return the kind of a definition, as the reference names it.

    Example:
        >>> kind_of(CommandDefinition(name="stop"))
        'command'
    """
    match definition:
        case CommandDefinition():
            return "command"
        case EventDefinition():
            return "event"
        case EnumDefinition():
            return "enum"
        case AlternateDefinition():
            return "alternate"
        case UnionDefinition():
            return "union"
        case _:
            return "object"


class EntryBuilder:
    """A builder of entries for a schema's definitions.

    Args:
        schema: The schema.
        resolve: Returns the link target for a name.
    """

    def __init__(self, schema: Schema, resolve: Resolve) -> None:
        self._schema = schema
        self._resolve = resolve

    def entry(self, definition: Entity | Type, level: int) -> Entry:
        """Return the entry of a definition."""
        assert not isinstance(definition, BuiltIn | Array)
        documentation = definition.documentation or _EMPTY
        blocks: list[Block] = [*self._text(documentation.text)]
        blocks += self._parts(definition, documentation)
        blocks += self._features(definition.features, documentation)
        blocks += self._sections(documentation.sections)
        return Entry(
            definition.name,
            level,
            kind_of(definition),
            tuple(blocks),
            documentation.since,
            tuple(self._marks(definition.features, documentation)),
            tuple(_remarks(definition)) if isinstance(definition, CommandDefinition) else (),
            _condition(definition.condition),
        )

    def _marks(self, features: Sequence[Feature], documentation: Documentation) -> Iterator[Field]:
        """Yield the marks that precede everything else."""
        for mark in special_features(features):
            yield Field(mark, self._text(documentation.features.get(mark, "")))

    # --- Parts of an entry ----------------------------------------------------------------------

    def _parts(self, definition: Entity | Type, documentation: Documentation) -> Iterator[Block]:
        match definition:
            case CommandDefinition() | EventDefinition():
                yield from self._arguments(definition, documentation)
                if isinstance(definition, CommandDefinition):
                    yield from self._returns(definition, documentation)
            case EnumDefinition():
                yield from _fields(
                    "value",
                    "Values",
                    [self._field(value, documentation.members) for value in definition.values],
                )
            case AlternateDefinition():
                yield from _fields(
                    "branch",
                    "One of",
                    [self._field(branch, documentation.members) for branch in definition.branches],
                )
            case StructDefinition() | UnionDefinition():
                yield from self._members("member", "Members", definition, documentation)

    def _arguments(self, entity: Entity, documentation: Documentation) -> Iterator[Block]:
        if entity.arguments is None:
            return
        kind: FieldKind = "argument" if isinstance(entity, CommandDefinition) else "member"
        title = "Arguments" if isinstance(entity, CommandDefinition) else "Data"
        schema_type = self._schema.types[entity.arguments]
        if isinstance(schema_type, StructDefinition) and schema_type.is_implicit:
            yield from self._members(kind, title, schema_type, documentation)
        elif (
            isinstance(schema_type, StructDefinition)
            and not shape_of(self._schema, schema_type).members
        ):
            return
        else:
            head = (Text(f"{title}: the members of "), *type_spans(self._type(schema_type.name)))
            yield Paragraph(head)
            # Up to 4.1 a command could describe the members of its arguments' type.
            described = [
                ListItem(self._text(text), (Text(member, "code"),))
                for member, text in documentation.members.items()
            ]
            if described:
                yield ItemList(tuple(described))

    def _members(
        self,
        kind: FieldKind,
        title: str,
        object_type: StructDefinition | UnionDefinition,
        documentation: Documentation,
    ) -> Iterator[Fields]:
        parts: list[Field | ListItem] = []
        base = self._schema.types[object_type.base] if object_type.base is not None else None
        if isinstance(base, StructDefinition):
            if base.is_implicit:
                parts += [self._field(member, documentation.members) for member in base.members]
            else:
                head = (Text("All members of "), *type_spans(self._type(base.name)))
                parts.append(ListItem((), head))
        if isinstance(object_type, UnionDefinition):
            parts += self._branches(object_type)
        else:
            parts += [self._field(member, documentation.members) for member in object_type.members]
        yield from _fields(kind, title, parts)

    def _branches(self, union: UnionDefinition) -> Iterator[ListItem]:
        for branch in union.branches:
            head: list[Span] = [
                Text("If "),
                Text(union.discriminator, "code"),
                Text(" is "),
                Text(branch.name, "code"),
                *condition_spans(_condition(branch.condition)),
            ]
            inner = self._schema.types[branch.type]
            if isinstance(inner, StructDefinition) and inner.is_implicit:
                own = tuple(field_item(self._field(member, {})) for member in inner.members)
                yield ListItem((ItemList(own),) if own else (), (*head, Text(":")))
            else:
                spans = type_spans(self._type(branch.type))
                yield ListItem((), (*head, Text(": the members of "), *spans))

    def _returns(
        self, command: CommandDefinition, documentation: Documentation
    ) -> Iterator[Returns]:
        texts = [s.text for s in documentation.sections if s.tag in _RETURNS]
        if command.returns is not None or texts:
            type_name = self._type(command.returns) if command.returns is not None else None
            yield Returns(type_name, tuple(block for text in texts for block in self._text(text)))

    def _field(self, part: Member | EnumValue | Branch, texts: Mapping[str, str]) -> Field:
        """Return the field of a member, a value or a branch: its name, facts and text."""
        text, since, default = without_asides(texts.get(part.name, ""))
        facts: list[Spans] = []
        if default:
            facts.append((Text("default "), *_inline(default, self._resolve)))
        if since:
            facts.append(plain(f"since {since}"))
        features = () if isinstance(part, Branch) else part.features
        facts += [(Text(mark, "strong"),) for mark in special_features(features)]
        facts += [
            (Text("feature "), Text(feature.name, "code"))
            for feature in features
            if feature.name not in SPECIAL_FEATURES
        ]
        return Field(
            part.name,
            self._text(text),
            None if isinstance(part, EnumValue) else self._type(part.type),
            isinstance(part, Member) and part.is_optional,
            tuple(facts),
            _condition(part.condition),
        )

    def _type(self, name: str) -> TypeName:
        schema_type = self._schema.types[name]
        depth = 0
        while isinstance(schema_type, Array):
            depth += 1
            schema_type = self._schema.types[schema_type.element]
        if self._resolve(schema_type.name):
            return TypeName(schema_type.name, depth)
        if isinstance(schema_type, BuiltIn):
            return TypeName(schema_type.name, depth, schema_type.json_type)
        return TypeName(
            schema_type.name,
            depth,
            "string" if isinstance(schema_type, EnumDefinition) else "value",
        )

    # --- Features and sections ------------------------------------------------------------------

    def _features(
        self, features: Sequence[Feature], documentation: Documentation
    ) -> Iterator[Fields]:
        own = frozenset(feature.name for feature in features)
        found = [
            Field(
                feature.name,
                self._text(documentation.features.get(feature.name, "")),
                condition=_condition(feature.condition),
            )
            for feature in features
            if feature.name not in SPECIAL_FEATURES
        ]
        found += [
            Field(name, self._text(text))
            for name, text in documentation.features.items()
            if name not in own
        ]
        yield from _fields("feature", "Features", found)

    def _sections(self, sections: Sequence[DocSection]) -> Iterator[Block]:
        for section in sections:
            if section.tag in _LEFT_OUT or section.tag in _RETURNS:
                continue
            blocks = self._text(section.text)
            if not blocks:
                continue
            if section.tag in _NOTES:
                yield Note(_NOTES[section.tag], blocks)
                continue
            if section.tag:
                yield Section(section.tag, blocks)
            else:
                yield from blocks

    def _text(self, text: str) -> tuple[Block, ...]:
        return blocks_of(text, self._resolve)


def _remarks(command: CommandDefinition) -> Iterator[str]:
    if command.allow_oob:
        yield "may be executed out of band"
    if command.allow_preconfig:
        yield "may be executed before the machine is created"
    if not command.has_response:
        yield "success has no response"


def _fields(kind: FieldKind, title: str, parts: Sequence[Field | ListItem]) -> Iterator[Fields]:
    if parts:
        yield Fields(kind, title, tuple(parts))


def _condition(condition: Condition | None) -> str:
    return "" if condition is None else condition_text(condition)


def _inline(text: str, resolve: Resolve) -> Spans:
    (first, *_) = blocks_of(text, resolve) or (Paragraph(()),)
    return first.spans if isinstance(first, Paragraph) else plain(text)


def without_asides(text: str) -> tuple[str, str, str]:
    """Split ``(since 2.1)`` and ``(default: off)`` off a text.

    Returns:
        The remaining text, the release and the default; "" for a missing one.
    """
    release = _SINCE.fullmatch(text.strip().rstrip("."))
    if release:
        return "", release[1], ""
    since = default = ""
    for aside in _ASIDE.finditer(text):
        parts = [part.strip() for part in re.split(r"[;,]\s+(?=since|default)", aside[1])]
        for part in (" ".join(part.split()) for part in parts):
            release, value = _SINCE.fullmatch(part), _DEFAULT.fullmatch(part)
            if release and not since:
                since = release[1]
            elif value and not default:
                default = value[1]
            else:
                return text, "", ""
    if not since and not default:
        return text, "", ""
    *before, last = _ASIDE.split(text)[::2]  # the other parts are the asides
    return "".join([*map(str.rstrip, before), last]), since, default
