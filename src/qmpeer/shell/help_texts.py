"""Help from the schema: what a command, an event or a type is, with documentation where known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, assert_never

from qmpeer.display.colours import PLAIN, Palette
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
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.shell.lines import (
    Invocation,
    Line,
    Messages,
    OwnLine,
    OwnWord,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.members import joined_values, marks_of, type_words
from qmpeer.shell.near import near
from qmpeer.shell.vocabulary import Vocabulary

_LONG_ENUM: Final = 40


def help_lines(
    line: Line | None,
    vocabulary: Vocabulary,
    builtins: Mapping[str, OwnWord],
    documentation: Schema | None = None,
    palette: Palette = PLAIN,
) -> Iterator[str]:
    """Give the lines of help for what stands behind ``help``; all that there is for nothing.

    Args:
        line: What it would be as a line of its own.
        vocabulary: What the server takes.
        builtins: The words of the shell's own.
        documentation: A schema with documentation, of any release.
        palette: The colours.
    """
    match line:
        case None:
            yield from _overview(vocabulary, builtins, palette)
        case OwnLine(word=own):
            yield from own.usage.split("\n")
        case Transaction(statement=statement):
            yield from builtins[statement.words[0].value.text].usage.split("\n")
        case Invocation(command=word):
            yield from _about(word.value.text, vocabulary, builtins, documentation, palette)
        case Messages():
            yield "JSON is sent as it is; help NAME tells of the command in it"
        case Unfinished() | Unreadable():
            topic = line.statement.words[0].value.text
            yield from _about(topic, vocabulary, builtins, documentation, palette)
        case never:
            assert_never(never)


def _about(
    topic: str,
    vocabulary: Vocabulary,
    builtins: Mapping[str, OwnWord],
    documentation: Schema | None,
    palette: Palette,
) -> Iterator[str]:
    """Give help for the name of a command, an event or a type."""
    schema = vocabulary.schema
    block = builtins.get(f"{topic}(")  # transaction( is one, transaction a command
    if topic not in vocabulary.commands:
        block = block or builtins.get(topic)
    if block is not None:
        yield from block.usage.split("\n")
        if topic in vocabulary.commands:
            yield ""
    entity = vocabulary.commands.get(topic) or vocabulary.events.get(topic)
    if entity is not None and schema is not None:
        yield from _Help(schema, documentation, palette).entity(entity)
    elif schema is not None and topic in schema.types:
        yield from _Help(schema, documentation, palette).type(schema.types[topic])
    elif topic in vocabulary.commands:
        yield f"command {topic}: this server doesn't tell its arguments"
    elif block is None:
        types = () if schema is None else schema.types
        hint = near(topic, [*vocabulary.commands, *vocabulary.events, *builtins, *types])
        yield f"there is no command, event or type '{visible(topic)}'; {hint or 'help lists them'}"


def _overview(
    vocabulary: Vocabulary, builtins: Mapping[str, OwnWord], palette: Palette
) -> Iterator[str]:
    yield palette.paint("heading", "Type a command: name=value ..., or paste JSON. TAB completes.")
    yield "  sub.name=value  a member within     list.0=value  an item     'a b'  with a blank"
    yield "  name:=value     text, whatever it looks like    {...}  JSON    # a comment"
    yield ""
    yield palette.paint("heading", "The shell's own words (help WORD tells more)")
    yield from (f"  {word.name:<14}{word.about}" for word in builtins.values())
    yield ""
    yield palette.paint("heading", f"Commands of this server: {len(vocabulary.commands)}")
    for name in sorted(vocabulary.commands):
        command = vocabulary.commands[name]
        marks = marks_of(command.features) if command else ""
        yield f"  {visible(name)}" + (palette.paint("hint", f"  ({marks})") if marks else "")
    if vocabulary.events:
        yield ""
        yield palette.paint("heading", f"Events of this server: {len(vocabulary.events)}")
        yield from (f"  {visible(name)}" for name in sorted(vocabulary.events))


class _Help:
    def __init__(self, schema: Schema, documentation: Schema | None, palette: Palette) -> None:
        self._schema = schema
        self._documented: dict[str, Documentation | None] = {}
        self._types: dict[str, Documentation | None] = {}
        if documentation is not None:
            self._documented = {e.name: e.documentation for e in documentation.entities}
            self._types = {
                of.name: of.documentation
                for of in documentation.types.values()
                if isinstance(
                    of, EnumDefinition | StructDefinition | UnionDefinition | AlternateDefinition
                )
            }
        self._palette = palette

    def entity(self, entity: Entity) -> Iterator[str]:
        is_command = isinstance(entity, CommandDefinition)
        head = f"{'command' if is_command else 'event'} {visible(entity.name)}"
        marks = marks_of(entity.features)
        yield self._palette.paint("heading", head) + self._marked(marks)
        documentation = self._documented.get(entity.name)
        yield from self._text(documentation)
        yield from self._members_of(
            entity.arguments or EMPTY.name,
            "arguments" if is_command else "data",
            documentation,
        )
        if isinstance(entity, CommandDefinition):
            if entity.returns is not None:
                yield f"returns {self._type_name(entity.returns)}"
            if entity.allow_oob:
                yield "can be executed out of band: oob " + visible(entity.name)
            yield from self._example(entity)

    def _example(self, command: CommandDefinition) -> Iterator[str]:
        of = self._schema.types[command.arguments or EMPTY.name]
        if isinstance(of, StructDefinition | UnionDefinition):
            required = [m for m in shape_of(self._schema, of).members if not m.is_optional]
            words = [f"{member.name}=…" for member in required]
            yield f"example: {' '.join([visible(command.name), *words])}"

    def type(self, of: Type) -> Iterator[str]:
        kind = type(of).__name__.removesuffix("Definition").lower()
        features = () if isinstance(of, BuiltIn | Array) else of.features
        head = self._palette.paint("heading", f"{kind} {visible(of.name)}")
        yield head + self._marked(marks_of(features))
        documentation = self._types.get(of.name)
        yield from self._text(documentation)
        match of:
            case EnumDefinition():
                for value in of.values:
                    marks = self._marked(marks_of(value.features))
                    yield f"  {visible(value.name)}{marks}{_doc(documentation, value.name)}"
            case StructDefinition() | UnionDefinition():
                yield from self._members_of(of.name, "members", documentation)
            case AlternateDefinition():
                for branch in of.branches:
                    yield f"  {self._type_name(branch.type)}"
            case Array():
                yield f"  a list of {self._type_name(of.element)}"
            case BuiltIn():
                yield f"  {type_words(self._schema, of.name)}"

    def _members_of(
        self, name: str, word: str, documentation: Documentation | None
    ) -> Iterator[str]:
        of = self._schema.types[name]
        if not isinstance(of, StructDefinition | UnionDefinition):
            return
        shape = shape_of(self._schema, of)
        if not shape.members:
            yield f"no {word}"
            return
        required = [member for member in shape.members if not member.is_optional]
        optional = [member for member in shape.members if member.is_optional]
        for title, members in (("required", required), ("optional", optional)):
            if members:
                yield f"{title} {word}:"
                yield from self._members(members, documentation)
        for branch in shape.branches:
            if branch.type != EMPTY.name:
                yield f"with {shape.discriminator}={visible(branch.name)}: {branch.type}"
                inner = self._schema.types[branch.type]
                if isinstance(inner, StructDefinition | UnionDefinition):
                    names = [_short(m) for m in shape_of(self._schema, inner).members]
                    yield f"    {', '.join(names)}"

    def _members(
        self, members: Iterable[Member], documentation: Documentation | None
    ) -> Iterator[str]:
        for member in members:
            marks = self._marked(marks_of(member.features))
            name = self._palette.paint("name", visible(member.name))
            text = f"  {name}: {self._type_name(member.type)}{marks}"
            yield text + _doc(documentation, member.name)

    def _type_name(self, name: str) -> str:
        of = self._schema.types[name]
        if isinstance(of, Array):
            return f"[{self._type_name(of.element)}]"
        if isinstance(of, EnumDefinition) and (values := joined_values(of, _LONG_ENUM)) is not None:
            return visible(values)
        if isinstance(of, AlternateDefinition):
            return " or ".join(self._type_name(branch.type) for branch in of.branches)
        return visible(name)

    def _marked(self, marks: str) -> str:
        return self._palette.paint("hint", f"  ({marks})") if marks else ""

    def _text(self, documentation: Documentation | None) -> Iterator[str]:
        if documentation is not None and documentation.text:
            yield from _wrapped(documentation.text)
            if documentation.since:
                yield f"since {documentation.since}"


def _short(member: Member) -> str:
    return visible(member.name) + ("?" if member.is_optional else "")


def _doc(documentation: Documentation | None, name: str) -> str:
    text = documentation.members.get(name, "") if documentation else ""
    return f"  {visible(' '.join(text.split()))}" if text else ""


def _wrapped(text: str) -> Sequence[str]:
    return [visible(line) for line in text.strip().split("\n")]
