"""Entries: what the reference says of each command, event and type."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import (
    Block,
    Entry,
    Item,
    Items,
    Link,
    Note,
    Paragraph,
    Span,
    Spans,
    Text,
)
from qmpeer.codegen.reference.markup import Resolve, blocks_of, plain
from qmpeer.schema import (
    SPECIAL_FEATURES,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Condition,
    Documentation,
    Entity,
    EnumDefinition,
    EventDefinition,
    Feature,
    Member,
    Schema,
    Section,
    StructDefinition,
    Type,
    UnionDefinition,
    shape_of,
    special_features,
)
from qmpeer.schema.conditions import condition_text

_ASIDE: Final = re.compile(r"\(((?:since|default)\b[^()]*+)\)", re.IGNORECASE)
_SINCE: Final = re.compile(r"since:?\s+(?:version\s+)?v?([\d.]+\w*)", re.IGNORECASE)
_DEFAULT: Final = re.compile(r"default(?:s to|:| is)?\s+(.+)", re.IGNORECASE)
_LEFT_OUT: Final = frozenset({"Since", "TODO"})
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
        blocks: list[Block] = [self._headline(of, documentation)]
        blocks += self._marks(of.features, documentation)
        blocks += self._text(documentation.text)
        blocks += self._parts(of, documentation)
        blocks += self._features(of.features, documentation)
        blocks += self._sections(documentation.sections)
        return Entry(of.name, level, tuple(blocks))

    # --- What stands above ----------------------------------------------------------------------

    def _headline(self, of: Entity | Type, documentation: Documentation) -> Paragraph:
        assert not isinstance(of, BuiltIn | Array)
        said = [kind_of(of).capitalize()]
        if documentation.since:
            said.append(f"since {documentation.since}")
        said += special_features(of.features)
        if isinstance(of, CommandDefinition):
            if of.allow_oob:
                said.append("may come out of band")
            if of.allow_preconfig:
                said.append("allowed before the machine is there")
            if not of.has_response:
                said.append("success is not answered")
        spans: list[Span] = [Text(", ".join(said), "emphasis")]
        if of.condition is not None:
            spans += _condition(of.condition)
        return Paragraph(tuple(spans))

    def _marks(self, features: Sequence[Feature], documentation: Documentation) -> Iterator[Note]:
        """Give what has to be known before anything else."""
        for mark in special_features(features):
            text = documentation.features.get(mark, "")
            default = f"This is {mark}."
            yield Note(mark, self._text(text) or (Paragraph(plain(default)),))

    # --- What it consists of --------------------------------------------------------------------

    def _parts(self, of: Entity | Type, documentation: Documentation) -> Iterator[Block]:
        match of:
            case CommandDefinition() | EventDefinition():
                title = "Arguments" if isinstance(of, CommandDefinition) else "Data"
                yield from self._arguments(title, of.arguments, documentation)
                if isinstance(of, CommandDefinition):
                    yield from self._returns(of, documentation)
            case EnumDefinition():
                yield from self._listed(
                    "Values",
                    [
                        self._part(value.name, (), value, documentation.members)
                        for value in of.values
                    ],
                )
            case AlternateDefinition():
                yield from self._listed(
                    "One of",
                    [
                        self._part(
                            branch.name, self._type(branch.type), branch, documentation.members
                        )
                        for branch in of.branches
                    ],
                )
            case StructDefinition() | UnionDefinition():
                yield from self._members("Members", of, documentation)

    def _arguments(
        self, title: str, name: str | None, documentation: Documentation
    ) -> Iterator[Block]:
        if name is None:
            return
        of = self._schema.types[name]
        if isinstance(of, StructDefinition) and of.is_implicit:
            yield from self._members(title, of, documentation)
        elif isinstance(of, StructDefinition) and not shape_of(self._schema, of).members:
            return
        else:
            head = (Text(f"{title}: the members of "), *self._type(name))
            yield Paragraph(head)
            # Up to 4.1 a command could describe the members of a type that it names.
            described = [
                Item(self._text(text), (Text(member, "code"),))
                for member, text in documentation.members.items()
            ]
            if described:
                yield Items(tuple(described))

    def _members(
        self, title: str, of: StructDefinition | UnionDefinition, documentation: Documentation
    ) -> Iterator[Block]:
        items: list[Item] = []
        base = self._schema.types[of.base] if of.base is not None else None
        if isinstance(base, StructDefinition):
            if base.is_implicit:
                items += self._own(base.members, documentation)
            else:
                items.append(Item((), (Text("All members of "), *self._type(base.name))))
        if isinstance(of, UnionDefinition):
            items += self._branches(of)
        else:
            items += self._own(of.members, documentation)
        yield from self._listed(title, items)

    def _own(self, members: Sequence[Member], documentation: Documentation) -> Iterator[Item]:
        for member in members:
            facts = self._type(member.type)
            yield self._part(member.name, facts, member, documentation.members, member.is_optional)

    def _branches(self, of: UnionDefinition) -> Iterator[Item]:
        for branch in of.branches:
            head: list[Span] = [
                Text("If "),
                Text(of.discriminator, "code"),
                Text(" is "),
                Text(branch.name, "code"),
            ]
            if branch.condition is not None:
                head += _condition(branch.condition)
            inner = self._schema.types[branch.type]
            if isinstance(inner, StructDefinition) and inner.is_implicit:
                own = tuple(self._own(inner.members, _EMPTY))
                yield Item((Items(own),) if own else (), (*head, Text(":")))
            else:
                yield Item((), (*head, Text(": the members of "), *self._type(branch.type)))

    def _returns(self, command: CommandDefinition, documentation: Documentation) -> Iterator[Block]:
        said = [s for s in documentation.sections if s.tag in ("Returns", "Return")]
        if command.returns is not None:
            yield Paragraph((Text("Returns", "strong"), Text(": "), *self._type(command.returns)))
        elif said:
            yield Paragraph((Text("Returns", "strong"), Text(": nothing")))
        for section in said:
            yield from self._text(section.text)

    def _listed(self, title: str, items: Sequence[Item]) -> Iterator[Block]:
        if items:
            yield Paragraph((Text(title, "strong"),))
            yield Items(tuple(items))

    def _part(
        self,
        name: str,
        type_spans: Spans,
        of: object,
        texts: dict[str, str],
        is_optional: bool = False,
    ) -> Item:
        """Return a member, a value or a branch: its name, what is known of it, its text."""
        text, since, default = without_asides(texts.get(name, ""))
        facts: list[Spans] = [type_spans] if type_spans else []
        if is_optional:
            facts.append(plain("optional"))
        if default:
            facts.append((Text("default "), *_inline(default, self._resolve)))
        if since:
            facts.append(plain(f"since {since}"))
        features: tuple[Feature, ...] = getattr(of, "features", ())
        facts += [(Text(mark, "strong"),) for mark in special_features(features)]
        facts += [
            (Text("feature "), Text(feature.name, "code"))
            for feature in features
            if feature.name not in SPECIAL_FEATURES
        ]
        head: list[Span] = [Text(name, "code")]
        if facts:
            head.append(Text(" ("))
            for index, spans in enumerate(facts):
                head += [Text(", ")] if index else []
                head += spans
            head.append(Text(")"))
        condition: Condition | None = getattr(of, "condition", None)
        if condition is not None:
            head += _condition(condition)
        return Item(self._text(text), tuple(head))

    def _type(self, name: str) -> Spans:
        of = self._schema.types[name]
        if isinstance(of, Array):
            return (Text("array of "), *self._type(of.element))
        target = self._resolve(name)
        return (Link(name, target, is_code=True) if target else Text(name, "code"),)

    # --- What stands below ----------------------------------------------------------------------

    def _features(
        self, features: Sequence[Feature], documentation: Documentation
    ) -> Iterator[Block]:
        own = _names(features)
        items = [
            Item(self._text(documentation.features.get(feature.name, "")), _feature_head(feature))
            for feature in features
            if feature.name not in SPECIAL_FEATURES
        ]
        items += [
            Item(self._text(text), (Text(name, "code"),))
            for name, text in documentation.features.items()
            if name not in own
        ]
        yield from self._listed("Features", items)

    def _sections(self, sections: Sequence[Section]) -> Iterator[Block]:
        for section in sections:
            if section.tag in _LEFT_OUT or section.tag in ("Returns", "Return"):
                continue
            blocks = self._text(section.text)
            if not blocks:
                continue
            if section.tag in _NOTES:
                yield Note(_NOTES[section.tag], blocks)
                continue
            if section.tag:
                yield Paragraph((Text(section.tag, "strong"),))
            yield from blocks

    def _text(self, text: str) -> tuple[Block, ...]:
        return blocks_of(text, self._resolve)


def _feature_head(feature: Feature) -> Spans:
    condition = _condition(feature.condition) if feature.condition is not None else ()
    return (Text(feature.name, "code"), *condition)


def _condition(condition: Condition) -> Spans:
    return (Text(", if "), Text(condition_text(condition), "code"))


def _names(features: Sequence[Feature]) -> frozenset[str]:
    return frozenset(feature.name for feature in features)


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
