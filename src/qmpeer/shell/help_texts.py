"""The topics of ``help``: the entry for a name, or a list of all names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, assert_never

from qmpeer.display.colours import PLAIN, Palette
from qmpeer.display.safe_text import visible
from qmpeer.schema.model import CommandDefinition
from qmpeer.shell.documentation import Manual
from qmpeer.shell.lines import (
    Builtin,
    BuiltinLine,
    Invocation,
    Line,
    Messages,
    Transaction,
    Unfinished,
    Unreadable,
)
from qmpeer.shell.members import marks_of
from qmpeer.shell.suggestions import did_you_mean
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import Word

if TYPE_CHECKING:
    from qmpeer.schema import Schema
    from qmpeer.shell.help_entries import Entries

_WIDTH: Final = 80
_SILENT: Final = "this server doesn't list its arguments"


def help_lines(
    line: Line | None,
    vocabulary: Vocabulary,
    builtins: Mapping[str, Builtin],
    manual: Manual | None = None,
    palette: Palette = PLAIN,
    width: int = _WIDTH,
) -> Iterator[str]:
    """Yield the lines of help for a topic; without a topic, a list of all names.

    Args:
        line: The words behind ``help``, as a line of their own.
        vocabulary: The server's commands and events.
        builtins: The built-ins by name.
        manual: The documentation, of any release.
        palette: The colours.
        width: Columns of a line.
    """
    match line:
        case None:
            yield from _overview(vocabulary, builtins, palette)
        case BuiltinLine(word=own):
            yield from own.usage.split("\n")
        case Transaction(statement=statement):
            yield from builtins[statement.words[0].value.text].usage.split("\n")
        case Invocation(command=word, arguments=words):
            topics = _Topics(vocabulary, builtins, manual, palette, width)
            yield from topics.about(word.value.text, words)
        case Messages():
            yield "JSON is sent unchanged; 'help COMMAND' describes the command in it"
        case Unfinished() | Unreadable():
            topic = line.statement.words[0].value.text
            topics = _Topics(vocabulary, builtins, manual, palette, width)
            yield from topics.about(topic)
        case never:
            assert_never(never)


class _Topics:
    def __init__(
        self,
        vocabulary: Vocabulary,
        builtins: Mapping[str, Builtin],
        manual: Manual | None,
        palette: Palette,
        width: int,
    ) -> None:
        self._vocabulary = vocabulary
        self._builtins = builtins
        self._manual = manual
        self._palette = palette
        self._width = width

    def about(self, topic: str, words: Sequence[Word] = ()) -> Iterator[str]:
        """Yield help for a command, an event or a type, or with dots for one of their members.

        Args:
            topic: The name.
            words: The words behind it; values of discriminators select branches.
        """
        commands = self._vocabulary.commands
        block = self._builtins.get(f"{topic}(")  # transaction( is one, transaction a command
        if topic not in commands:
            block = block or self._builtins.get(topic)
        if block is not None:
            yield from block.usage.split("\n")
            if topic in commands:
                yield ""
        found = list(self._of_server(topic, words)) or list(self._of_manual(topic, words))
        yield from found
        if topic in commands and not found:
            yield f"command {topic}: {_SILENT}"
        elif block is None and not found:
            yield self._nothing(topic)

    def _of_server(self, topic: str, words: Sequence[Word]) -> Iterator[str]:
        """Yield the entry for a name in the server's schema."""
        vocabulary, schema = self._vocabulary, self._vocabulary.schema
        if schema is None:
            return
        entries = self._entries(schema, self._manual)
        is_name = topic in vocabulary.commands or topic in vocabulary.events
        first, *names = [topic] if is_name else topic.split(".")
        entity = vocabulary.commands.get(first) or vocabulary.events.get(first)
        if entity is not None and not names:
            yield from entries.entity(entity, _chosen(words))
        elif entity is not None:
            word = "argument" if isinstance(entity, CommandDefinition) else "data"
            place = entries.paths.arguments_of(entity)
            found = entries.paths.follow(place, names, first)
            if found is None and isinstance(entity, CommandDefinition):
                result, word = entries.paths.result_of(entity), "result"
                found = entries.paths.follow(result, names, first) if result else None
            yield from entries.member(found, word) if found else ()
        elif first in schema.types and (place := entries.paths.type_of(first)):
            found = entries.paths.follow(place, names, first) if names else None
            if found is not None:
                yield from entries.member(found, "member")
            elif not names:
                yield from entries.type(place)

    def _of_manual(self, topic: str, words: Sequence[Word]) -> Iterator[str]:
        """Yield the entry for a name that is only in the documentation.

        Another release may have it, or introspection hides it.
        """
        manual = self._manual
        if manual is None or not manual.source:
            return
        entries = self._entries(manual.schema, manual)
        first, *names = topic.split(".")
        entity = manual.entities.get(first)
        is_there = first in self._vocabulary.commands or not self._vocabulary.is_known
        if entity is not None and not names:
            note = "" if is_there else "this server doesn't have it"
            yield from entries.entity(entity, _chosen(words), note)
        elif entity is not None:
            found = entries.paths.follow(entries.paths.arguments_of(entity), names, first)
            yield from entries.member(found, "argument") if found else ()
        elif first in manual.schema.types:
            place = entries.paths.type_of(first)
            found = entries.paths.follow(place, names, first) if names else None
            if found is not None:
                yield from entries.member(found, "member")
            elif not names:
                yield from entries.type(place, "as documented")

    def _entries(self, schema: "Schema", manual: Manual | None) -> "Entries":
        from qmpeer.shell.help_entries import Entries  # start: 50 ms

        return Entries(schema, manual, self._width, self._palette)

    def _nothing(self, topic: str) -> str:
        """Return the message for an unknown name, with a suggestion."""
        schema = self._vocabulary.schema
        types = () if schema is None else schema.types
        names = [*self._vocabulary.commands, *self._vocabulary.events, *self._builtins, *types]
        first, dot, rest = topic.rpartition(".")
        parent = self._place_of(first) if dot else None
        if parent is not None:
            hint = did_you_mean(rest, parent) or f"help {visible(first)} lists its members"
            return f"there is no '{visible(rest)}' in {visible(first)}; {hint}"
        hint = did_you_mean(topic, names) or "help lists them"
        return f"there is no command, event or type '{visible(topic)}'; {hint}"

    def _place_of(self, path: str) -> list[str] | None:
        return names_behind(path, self._vocabulary, self._manual)


def names_behind(
    path: str, vocabulary: Vocabulary, manual: Manual | None = None
) -> list[str] | None:
    """Return the names that can follow a path and a dot; None if the path doesn't exist."""
    from qmpeer.shell.help_paths import Paths  # start: 9 ms

    if vocabulary.schema is None:
        return None
    paths = Paths(vocabulary.schema, manual)
    first, *names = path.split(".")
    entity = vocabulary.commands.get(first) or vocabulary.events.get(first)
    if entity is not None:
        place = paths.arguments_of(entity)
    elif first in vocabulary.schema.types:
        place = paths.type_of(first)
    else:
        return None
    if names:
        found = paths.follow(place, names, first)
        if found is None or found.place is None:
            return None
        place = found.place
    return paths.names_in(place)


def _chosen(words: Sequence[Word]) -> dict[str, str]:
    return {word.name: word.value.text for word in words if word.name is not None}


def _overview(
    vocabulary: Vocabulary, builtins: Mapping[str, Builtin], palette: Palette
) -> Iterator[str]:
    yield palette.paint("heading", "Type a command: name=value ..., or paste JSON. TAB completes.")
    yield "  sub.name=value  a member within     list.0=value  an item     'a b'  with a blank"
    yield "  name:=value     always text             {...}  JSON        # a comment"
    yield ""
    yield palette.paint("heading", "Built-ins of the shell ('help NAME' shows more)")
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
