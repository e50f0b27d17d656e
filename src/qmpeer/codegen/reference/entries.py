"""Entries: what the reference says of each command, event and type."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Field,
    FieldKind,
    Fields,
    Item,
    Items,
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


def kind_of(of: Entity | Type) -> str:
    """Return what a definition is called.

    Example:
        >>> kind_of(CommandDefinition(name="stop"))
        'command'
    """
    match of:
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


class Definitions:
    """The entries of a schema's definitions.

    Args:
        schema: The schema.
        resolve: Gives the target of a link for a name.
    """

    def __init__(self, schema: Schema, resolve: Resolve) -> None:
        self._schema = schema
        self._resolve = resolve

    def entry(self, of: Entity | Type, level: int) -> Entry:
        """Return the entry of a definition."""
        assert not isinstance(of, BuiltIn | Array)
        documentation = of.documentation or _EMPTY
        blocks: list[Block] = [*self._text(documentation.text)]
        blocks += self._parts(of, documentation)
        blocks += self._features(of.features, documentation)
        blocks += self._sections(documentation.sections)
        return Entry(
            of.name,
            level,
            kind_of(of),
            tuple(blocks),
            documentation.since,
            tuple(self._marks(of.features, documentation)),
            tuple(_remarks(of)) if isinstance(of, CommandDefinition) else (),
            _condition(of.condition),
        )

    def _marks(self, features: Sequence[Feature], documentation: Documentation) -> Iterator[Field]:
        """Give what has to be known before anything else."""
        for mark in special_features(features):
            yield Field(mark, self._text(documentation.features.get(mark, "")))

    # --- What it consists of --------------------------------------------------------------------

    def _parts(self, of: Entity | Type, documentation: Documentation) -> Iterator[Block]:
        match of:
            case CommandDefinition() | EventDefinition():
                yield from self._arguments(of, documentation)
                if isinstance(of, CommandDefinition):
                    yield from self._returns(of, documentation)
            case EnumDefinition():
                yield from _fields(
                    "value",
                    "Values",
                    [self._field(value, documentation.members) for value in of.values],
                )
            case AlternateDefinition():
                yield from _fields(
                    "branch",
                    "One of",
                    [self._field(branch, documentation.members) for branch in of.branches],
                )
            case StructDefinition() | UnionDefinition():
                yield from self._members("member", "Members", of, documentation)

    def _arguments(self, entity: Entity, documentation: Documentation) -> Iterator[Block]:
        if entity.arguments is None:
            return
        kind: FieldKind = "argument" if isinstance(entity, CommandDefinition) else "member"
        title = "Arguments" if isinstance(entity, CommandDefinition) else "Data"
        of = self._schema.types[entity.arguments]
        if isinstance(of, StructDefinition) and of.is_implicit:
            yield from self._members(kind, title, of, documentation)
        elif isinstance(of, StructDefinition) and not shape_of(self._schema, of).members:
            return
        else:
            head = (Text(f"{title}: the members of "), *type_spans(self._type(of.name)))
            yield Paragraph(head)
            # Up to 4.1 a command could describe the members of a type that it names.
            described = [
                Item(self._text(text), (Text(member, "code"),))
                for member, text in documentation.members.items()
            ]
            if described:
                yield Items(tuple(described))

    def _members(
        self,
        kind: FieldKind,
        title: str,
        of: StructDefinition | UnionDefinition,
        documentation: Documentation,
    ) -> Iterator[Fields]:
        parts: list[Field | Item] = []
        base = self._schema.types[of.base] if of.base is not None else None
        if isinstance(base, StructDefinition):
            if base.is_implicit:
                parts += [self._field(member, documentation.members) for member in base.members]
            else:
                head = (Text("All members of "), *type_spans(self._type(base.name)))
                parts.append(Item((), head))
        if isinstance(of, UnionDefinition):
            parts += self._branches(of)
        else:
            parts += [self._field(member, documentation.members) for member in of.members]
        yield from _fields(kind, title, parts)

    def _branches(self, of: UnionDefinition) -> Iterator[Item]:
        for branch in of.branches:
            head: list[Span] = [
                Text("If "),
                Text(of.discriminator, "code"),
                Text(" is "),
                Text(branch.name, "code"),
                *condition_spans(_condition(branch.condition)),
            ]
            inner = self._schema.types[branch.type]
            if isinstance(inner, StructDefinition) and inner.is_implicit:
                own = tuple(field_item(self._field(member, {})) for member in inner.members)
                yield Item((Items(own),) if own else (), (*head, Text(":")))
            else:
                spans = type_spans(self._type(branch.type))
                yield Item((), (*head, Text(": the members of "), *spans))

    def _returns(
        self, command: CommandDefinition, documentation: Documentation
    ) -> Iterator[Returns]:
        said = [s.text for s in documentation.sections if s.tag in _RETURNS]
        if command.returns is not None or said:
            of = self._type(command.returns) if command.returns is not None else None
            yield Returns(of, tuple(block for text in said for block in self._text(text)))

    def _field(self, of: Member | EnumValue | Branch, texts: Mapping[str, str]) -> Field:
        """Return a member, a value or a branch: its name, what is known of it, its text."""
        text, since, default = without_asides(texts.get(of.name, ""))
        facts: list[Spans] = []
        if default:
            facts.append((Text("default "), *_inline(default, self._resolve)))
        if since:
            facts.append(plain(f"since {since}"))
        features = () if isinstance(of, Branch) else of.features
        facts += [(Text(mark, "strong"),) for mark in special_features(features)]
        facts += [
            (Text("feature "), Text(feature.name, "code"))
            for feature in features
            if feature.name not in SPECIAL_FEATURES
        ]
        return Field(
            of.name,
            self._text(text),
            None if isinstance(of, EnumValue) else self._type(of.type),
            isinstance(of, Member) and of.is_optional,
            tuple(facts),
            _condition(of.condition),
        )

    def _type(self, name: str) -> TypeName:
        of = self._schema.types[name]
        depth = 0
        while isinstance(of, Array):
            depth += 1
            of = self._schema.types[of.element]
        if self._resolve(of.name):
            return TypeName(of.name, depth)
        if isinstance(of, BuiltIn):
            return TypeName(of.name, depth, of.json_type)
        return TypeName(of.name, depth, "string" if isinstance(of, EnumDefinition) else "value")

    # --- What stands below ----------------------------------------------------------------------

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
        yield "may come out of band"
    if command.allow_preconfig:
        yield "allowed before the machine is there"
    if not command.has_response:
        yield "success is not answered"


def _fields(kind: FieldKind, title: str, parts: Sequence[Field | Item]) -> Iterator[Fields]:
    if parts:
        yield Fields(kind, title, tuple(parts))


def _condition(condition: Condition | None) -> str:
    return "" if condition is None else condition_text(condition)


def _inline(text: str, resolve: Resolve) -> Spans:
    (first, *_) = blocks_of(text, resolve) or (Paragraph(()),)
    return first.spans if isinstance(first, Paragraph) else plain(text)


def without_asides(text: str) -> tuple[str, str, str]:
    """Take ``(since 2.1)`` and ``(default: off)`` out of a text; give what is left, and both."""
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
    *before, last = _ASIDE.split(text)[::2]  # every other part is what stands in brackets
    return "".join([*map(str.rstrip, before), last]), since, default
