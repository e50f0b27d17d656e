"""The entries of help: one command, event, type or member, with its documentation.

The server's schema defines the contents of an entry. The texts come from the documentation, which
may be another release's. Where the two differ, the entry notes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from qmpeer.codegen.reference.blocks import Text
from qmpeer.codegen.reference.entries import without_asides
from qmpeer.codegen.reference.markup import blocks_of
from qmpeer.codegen.reference.terminal import TerminalWriter
from qmpeer.display.colours import Palette
from qmpeer.display.safe_text import visible
from qmpeer.schema import Schema, shape_of
from qmpeer.schema.model import (
    EMPTY,
    AlternateDefinition,
    Array,
    BuiltIn,
    CommandDefinition,
    Documentation,
    Entity,
    EnumDefinition,
    EnumValue,
    Feature,
    Member,
    Section,
    StructDefinition,
    Type,
    UnionDefinition,
    special_features,
)
from qmpeer.shell.documentation import Manual
from qmpeer.shell.help_paths import Found, Paths, Place
from qmpeer.shell.members import joined_values, type_words

_LONG_ENUM: Final = 40
_TEXT: Final = 6
"""Columns before the text about a member."""
_RETURNS: Final = ("Returns", "Return")
_LEFT_OUT: Final = ("Since", "TODO", *_RETURNS)


class Entries:
    """The entries of help for one server.

    Args:
        schema: The server's schema.
        manual: The documentation, or None.
        width: Columns of a line.
        palette: The colours.
    """

    def __init__(self, schema: Schema, manual: Manual | None, width: int, palette: Palette) -> None:
        self.paths: Paths = Paths(schema, manual)
        self._schema = schema
        self._manual = manual
        self._palette = palette
        self._writer = TerminalWriter(width, palette)
        self._compares = manual is not None and bool(manual.source) and manual.schema is not schema

    # --- Commands and events --------------------------------------------------------------------

    def entity(self, entity: Entity, chosen: Mapping[str, str], note: str = "") -> Iterator[str]:
        """Yield the entry of a command or an event.

        Args:
            entity: The command or event in the server's schema.
            chosen: Values of discriminators; only the branches that they select are shown.
            note: A further fact for the headline.
        """
        theirs = self._manual.entities.get(entity.name) if self._manual else None
        documentation = theirs.documentation if theirs is not None else None
        is_command = isinstance(entity, CommandDefinition)
        head = f"{'command' if is_command else 'event'} {visible(entity.name)}"
        facts = [note] if note else []
        if theirs is None and self._compares:
            facts.append("not in the documentation")
        yield self._headline(head, entity.features, documentation, facts)
        yield from self._text(documentation, entity.features)
        place = self.paths.arguments_of(entity)
        texts = self._texts(place, documentation)
        word = "arguments" if is_command else "data"
        yield from self._members_of(place, word, texts, chosen)
        if isinstance(entity, CommandDefinition):
            yield from self._result(entity, documentation)
            if entity.allow_oob:
                yield "can be executed out of band: oob " + visible(entity.name)
            yield from self._example(entity)
        yield from self._sections(documentation)

    def _headline(
        self,
        head: str,
        features: Sequence[Feature],
        documentation: Documentation | None,
        facts: Sequence[str] = (),
    ) -> str:
        since = (
            f"since {visible(documentation.since)}" if documentation and documentation.since else ""
        )
        known = [*special_features(features), *filter(None, [since]), *facts]
        return self._palette.paint("heading", head) + self._marked(", ".join(known))

    def _text(
        self, documentation: Documentation | None, features: Sequence[Feature]
    ) -> Iterator[str]:
        if documentation is None:
            return
        yield from self._lines(documentation.text)
        there = {feature.name for feature in features}
        for name, text in documentation.features.items():
            if name in there or name in ("deprecated", "unstable"):
                label = f"{visible(name)}: "
                yield from self._labelled(label, text)
        if documentation.text:
            yield ""

    def _labelled(self, label: str, text: str) -> Iterator[str]:
        first, *rest = [*self._lines(text, 2), ""]
        yield self._palette.paint("hint", label) + first.lstrip()
        yield from filter(None, rest)

    def _result(
        self, command: CommandDefinition, documentation: Documentation | None
    ) -> Iterator[str]:
        place = self.paths.result_of(command)
        texts = [
            section.text
            for section in (documentation.sections if documentation else ())
            if section.tag in _RETURNS
        ]
        if place is not None:
            yield f"returns {self._type_name(place)}"
        elif texts:
            yield "returns nothing"
        for text in texts:
            yield from self._lines(text, _TEXT)

    def _example(self, command: CommandDefinition) -> Iterator[str]:
        of = self._schema.types[command.arguments or EMPTY.name]
        if isinstance(of, StructDefinition | UnionDefinition):
            required = [m for m in shape_of(self._schema, of).members if not m.is_optional]
            words = [f"{visible(member.name)}=…" for member in required]
            yield f"example: {' '.join([visible(command.name), *words])}"

    def _sections(self, documentation: Documentation | None) -> Iterator[str]:
        sections: Sequence[Section] = documentation.sections if documentation else ()
        for section in sections:
            lines = list(self._lines(section.text, 2 if section.tag else 0))
            if lines and section.tag not in _LEFT_OUT:
                yield ""
                if section.tag:
                    yield self._palette.paint("heading", section.tag)
                yield from lines

    # --- Types and members ----------------------------------------------------------------------

    def type(self, place: Place, note: str = "") -> Iterator[str]:
        """Yield the entry of a type."""
        of = self._schema.types[place.type]
        documentation = self._documentation(place)
        features = () if isinstance(of, BuiltIn | Array) else of.features
        head = f"{type(of).__name__.removesuffix('Definition').lower()} {self._name(place)}"
        yield self._headline(head, features, documentation, [note] if note else [])
        yield from self._text(documentation, features)
        match of:
            case EnumDefinition():
                yield from self._values(of, place)
            case StructDefinition() | UnionDefinition():
                yield from self._members_of(place, "members", self._texts(place), {})
            case AlternateDefinition():
                for inner in self.paths.alternatives_of(place).values():
                    yield f"  {self._type_name(inner)}"
            case Array():
                yield f"  a list of {self._type_name(self.paths.element_place(place))}"
            case BuiltIn():
                yield f"  {type_words(self._schema, of.name)}"
        yield from self._sections(documentation)

    def member(self, found: Found, word: str) -> Iterator[str]:
        """Yield the entry of a member, an argument or a value.

        Args:
            found: The end of a path.
            word: The word for the headline: "argument", "member".
        """
        member, place = found.member, found.place
        text, facts = self._said(found.text, member.features)
        if isinstance(member, EnumValue):
            head = f"value {visible(found.path)}"
        else:
            assert place is not None
            head = f"{word} {visible(found.path)}: {self._type_name(place)}"
            if member.is_optional or word in ("argument", "member"):
                facts.insert(0, "optional" if member.is_optional else "required")
        yield self._palette.paint("heading", head) + self._marked(", ".join(facts))
        yield from self._lines(text)
        if found.branches:
            branches = f"with {found.discriminator}={' or '.join(found.branches)}"
            yield from self._writer.filled([Text(branches)], more=4)
        if place is None:
            return
        for inner in self.paths.alternatives_of(place).values():
            element = self.paths.element_place(inner)
            if not isinstance(self._schema.types[element.type], BuiltIn):
                yield ""
                yield from self.type(element)

    def _values(self, of: EnumDefinition, place: Place) -> Iterator[str]:
        texts = self._texts(place)
        for value in of.values:
            text, facts = self._said(texts.get(value.name, ""), value.features)
            facts += self._undocumented(value.name, place, texts)
            name = self._palette.paint("name", visible(value.name))
            yield f"  {name}{self._marked(', '.join(facts))}"
            yield from self._lines(text, _TEXT)
        yield from self._lacking(texts, (value.name for value in of.values), place)

    def _members_of(
        self, place: Place, word: str, texts: Mapping[str, str], chosen: Mapping[str, str]
    ) -> Iterator[str]:
        of = self._schema.types[place.type]
        if not isinstance(of, StructDefinition | UnionDefinition):
            return
        shape = shape_of(self._schema, of)
        if not shape.members and not shape.branches:
            yield f"no {word}"
        for title, is_optional in (("required", False), ("optional", True)):
            members = [m for m in shape.members if m.is_optional is is_optional]
            if members:
                yield f"{title} {word}:"
                yield from self._members(members, place, texts)
        yield from self._lacking(texts, (member.name for member in shape.members), place)
        tag = shape.discriminator or ""
        value = chosen.get(tag)
        for branch in shape.branches:
            if branch.type == EMPTY.name or (value is not None and value != branch.name):
                continue
            inner = self.paths.branch_place(place, branch.name, branch.type)
            yield f"with {visible(tag)}={visible(branch.name)}: {self._name(inner)}"
            if value is None:
                yield from self._branch(inner)
            else:
                yield from self._members_of(inner, word, self._texts(inner), chosen)

    def _branch(self, place: Place) -> Iterator[str]:
        of = self._schema.types[place.type]
        if isinstance(of, StructDefinition | UnionDefinition):
            names = [Text(f"{_short(m)},") for m in shape_of(self._schema, of).members]
            spans = [each for name in names for each in (name, Text(" "))]
            lines = list(self._writer.filled(spans, 4))
            yield from [*lines[:-1], *(line.removesuffix(",") for line in lines[-1:])]

    def _members(
        self, members: Iterable[Member], place: Place, texts: Mapping[str, str]
    ) -> Iterator[str]:
        for member in members:
            text, facts = self._said(texts.get(member.name, ""), member.features)
            facts += self._undocumented(member.name, place, texts)
            name = self._palette.paint("name", visible(member.name))
            kind = self._type_name(self.paths.member_place(place, member))
            yield f"  {name}: {kind}{self._marked(', '.join(facts))}"
            yield from self._lines(text, _TEXT)

    # --- Documentation --------------------------------------------------------------------------

    def _documentation(self, place: Place) -> Documentation | None:
        if self._manual is None or place.documented is None:
            return None
        return getattr(self._manual.schema.types.get(place.documented), "documentation", None)

    def _texts(self, place: Place, documentation: Documentation | None = None) -> Mapping[str, str]:
        """Return the texts about members; those in a command's own comment take precedence."""
        texts = self._manual.texts(place.documented) if self._manual else {}
        return {**texts, **documentation.members} if documentation else texts

    def _said(self, text: str, features: Sequence[Feature]) -> tuple[str, list[str]]:
        """Return a text without its asides in brackets, and the facts in them: default, release."""
        rest, since, default = without_asides(text)
        facts = special_features(features)
        facts += [f"default {visible(' '.join(default.split()))}"] if default else []
        facts += [f"since {visible(since)}"] if since else []
        return rest, facts

    def _undocumented(self, name: str, place: Place, texts: Mapping[str, str]) -> list[str]:
        is_known = place.documented is None or name in texts or not self._compares
        return [] if is_known or name in self._own_names(place) else ["not in the documentation"]

    def _lacking(
        self, texts: Mapping[str, str], names: Iterable[str], place: Place
    ) -> Iterator[str]:
        """Yield a line with the members that are documented and that the server lacks."""
        if not self._compares or place.documented is None:
            return
        there = set(names)
        lacking = [name for name in self._own_names(place) if name not in there]
        if lacking:
            spans = Text(f"this server has no {', '.join(map(visible, lacking))}")
            yield from (
                self._palette.paint("hint", line) for line in self._writer.filled([spans], 2)
            )

    def _own_names(self, place: Place) -> Sequence[str]:
        """Return the names of the members or values of the documented type."""
        assert self._manual is not None
        schema = self._manual.schema
        of = schema.types.get(place.documented or "")
        if isinstance(of, EnumDefinition):
            return [value.name for value in of.values]
        if isinstance(of, StructDefinition | UnionDefinition):
            return [member.name for member in shape_of(schema, of).members]
        return []

    def _lines(self, text: str, indent: int = 0) -> Iterator[str]:
        yield from self._writer.lines(blocks_of(text, _nowhere), indent)

    # --- Names ----------------------------------------------------------------------------------

    def _type_name(self, place: Place) -> str:
        of = self._schema.types[place.type]
        if isinstance(of, Array):
            return f"[{self._type_name(self.paths.inner_place(place))}]"
        if isinstance(of, EnumDefinition) and (values := joined_values(of, _LONG_ENUM)) is not None:
            return visible(values)
        if isinstance(of, AlternateDefinition):
            kinds = self.paths.alternatives_of(place)
            return " or ".join(self._type_name(inner) for inner in kinds.values())
        return self._name(place)

    def _name(self, place: Place) -> str:
        """Return a type's name, preferably the documented one, as introspection hides names."""
        if self._manual is not None and place.documented is not None:
            of: Type | None = self._manual.schema.types.get(place.documented)
            if of is not None and not isinstance(of, BuiltIn) and not getattr(of, "is_implicit", 0):
                return visible(place.documented)
        return visible(place.type)

    def _marked(self, marks: str) -> str:
        return self._palette.paint("hint", f"  ({marks})") if marks else ""


def _nowhere(name: str) -> str | None:
    """Return None: a terminal shows no links."""
    return None


def _short(member: Member) -> str:
    return visible(member.name) + ("?" if member.is_optional else "")
