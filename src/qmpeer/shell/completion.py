"""Completion: how a text can go on at the cursor, from nothing but what is given."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from qmpeer.schema import Schema
from qmpeer.shell.argument_completion import (
    ArgumentCompletion,
    Completions,
    Item,
    is_one_word,
    live_items,
    starting,
)
from qmpeer.shell.argument_tree import Level, insert_word
from qmpeer.shell.members import arguments_type, transaction_types
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.name_kinds import Names, no_names
from qmpeer.shell.own_words import OWN_WORDS
from qmpeer.shell.properties import Answers, no_answers, said_in, with_properties
from qmpeer.shell.vocabulary import Vocabulary, marks_of
from qmpeer.shell.words import Statement, Value, Word, split

__all__ = ["Completions", "Item", "complete", "complete_human"]

_SETTINGS: Final[Mapping[str, Sequence[str]]] = {
    "output": ("auto", "json", "table", "raw"),
    "timing": ("on", "off"),
    "pager": ("on", "off"),
    "timeout": ("10", "300", "none"),
}
_COMMENT: Final = re.compile(r"""(?:^|(?<=\s))#[^'"]*$""")


def complete(
    text: str,
    cursor: int,
    vocabulary: Vocabulary,
    names: Names = no_names,
    answers: Answers = no_answers,
) -> Completions:
    """Find how a text can go on.

    Args:
        text: All that was typed.
        cursor: Where the cursor stands in it.
        vocabulary: What the server takes.
        names: The names of what it has.
        answers: What it says of properties.

    Example:
        >>> found = complete("st", 2, Vocabulary(None, ["stop", "cont"]))
        >>> [item.text for item in found.items]
        ['stop ']
    """
    before = text[:cursor]
    statement = _last_statement(before)
    words = list(statement.words) if statement else []
    if statement is not None and statement.raw is not None:
        return _complete_raw(statement, before, names)
    begun = words.pop() if words and words[-1].end == cursor and _is_touching(before) else None
    current = begun or Word(None, Value("plain", "", cursor, cursor), cursor)
    if _is_in_comment(before, current) or (
        not current.value.is_closed and current.value.kind == "json"
    ):
        return Completions(cursor)
    later = _words_behind(text, cursor, statement)
    found = _Completer(vocabulary, names, answers)
    if statement is not None and statement.breaks:
        return found.in_transaction(statement, words, current, later)
    return found.statement(words, current, later)


def _is_touching(before: str) -> bool:
    return bool(before) and not before[-1].isspace()


def _is_in_comment(before: str, current: Word) -> bool:
    line = before.rfind("\n") + 1
    return current.value.text == "" and _COMMENT.search(before, line) is not None


def _last_statement(before: str) -> Statement | None:
    """Return the statement that the end of a text belongs to; None if a new one begins there."""
    statements = split(before)
    if not statements:
        return None
    last = statements[-1]
    if "\n" in before[last.end :] and not last.is_open:
        return None
    return last


def _words_behind(text: str, cursor: int, statement: Statement | None) -> list[Word]:
    """Return the words behind the cursor that belong to the same statement."""
    if cursor == len(text) or statement is None:
        return []
    line_end = text.find("\n", cursor)
    rest = text[cursor : line_end if line_end >= 0 else len(text)]
    start = len(rest) - len(rest.lstrip()) if not text[cursor].isspace() else 0
    if start == 0 and not text[cursor].isspace():
        rest = rest.partition(" ")[2]
    found = split(rest)
    return list(found[0].words) if found and found[0].raw is None else []


def _complete_raw(statement: Statement, before: str, names: Names) -> Completions:
    is_begun = bool(statement.raw) or before.endswith(" ")
    if statement.words[0].value.text != "hmp" or not is_begun:
        return Completions(len(before))
    begin = statement.words[0].end + 1
    found = complete_human(before[begin:], names)
    return Completions(begin + found.start, found.items)


def complete_human(line: str, names: Names) -> Completions:
    """Find how a line for the human monitor can go on.

    Args:
        line: The line up to the cursor.
        names: Its "human" names are those of the commands; those behind a command, such as info,
            it gives for that word.
    """
    words = line.split(" ")
    typed = words[-1]
    start = len(line) - len(typed)
    about = " ".join(word for word in words[:-1] if word)
    if about == "help":
        about = ""
    return Completions(
        start, tuple(starting(typed, (Item(f"{n} ") for n in names("human", about))))
    )


class _Completer:
    """Complete by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, names: Names, answers: Answers) -> None:
        self._vocabulary = vocabulary
        self._names = names
        self._answers = answers

    def statement(self, words: Sequence[Word], current: Word, later: Sequence[Word]) -> Completions:
        """Complete in a statement, which begins with a word of ours or with a command."""
        if not words and current.value.kind != "plain":
            return Completions(current.start)
        if not words:
            items = [
                *self._commands(),
                *(Item(f"{w} ".replace("( ", "("), m) for w, m in OWN_WORDS.items()),
            ]
            return _offer(current, items)
        first = words[0].value.text
        if words[0].name is not None or words[0].value.kind != "plain":
            return Completions(current.start)
        if first in ("oob", "execute"):
            if len(words) == 1:
                return _offer(current, self._commands(is_oob=first == "oob"))
            return self._arguments(words[1].value.text, words[2:], current, later)
        if first not in self._vocabulary.commands and first in OWN_WORDS:
            return self._own(first, words[1:], current)
        return self._arguments(first, words[1:], current, later)

    def in_transaction(
        self, statement: Statement, words: Sequence[Word], current: Word, later: Sequence[Word]
    ) -> Completions:
        """Complete an action between the parentheses."""
        starts = [at for at in statement.breaks if at <= len(words)]
        action = words[max(starts, default=1) :]
        kinds = self.transaction_types()
        if not action:
            items = [Item(f"{name} ", "action") for name in kinds]
            return _offer(current, [*items, Item(") ", "send them"), Item("cancel", "give it up")])
        name = action[0].value.text
        if name not in kinds:
            return Completions(current.start)
        return self._members(kinds[name], name, action[1:], current, later)

    def transaction_types(self) -> dict[str, str]:
        """Return the actions of a transaction, and the type of each one's data."""
        schema = self._vocabulary.schema
        return {} if schema is None else transaction_types(schema)

    def _commands(self, *, is_oob: bool = False) -> Iterator[Item]:
        for name in self._vocabulary.command_names:
            command = self._vocabulary.commands[name]
            if is_oob and command is not None and not command.allow_oob:
                continue
            yield Item(f"{name} ", "" if command is None else marks_of(command.features))

    # --- The shell's own words ------------------------------------------------------------------

    def _own(self, first: str, words: Sequence[Word], current: Word) -> Completions:
        vocabulary = self._vocabulary
        events = [Item(f"{name} ", "event") for name in sorted(vocabulary.events)]
        match first:
            case "help":
                types = [] if vocabulary.schema is None else vocabulary.schema.types
                others = [Item(f"{name} ", "type") for name in types if name.isidentifier()]
                own = [Item(f"{word} ", "the shell's own") for word in OWN_WORDS]
                return _offer(current, [*self._commands(), *own, *events, *others])
            case "events":
                return _offer(current, [Item("on "), Item("off "), *events])
            case "set" if not words:
                return _offer(current, [Item(f"{name} ") for name in _SETTINGS])
            case "set":
                values = _SETTINGS.get(words[0].value.text, ())
                return _offer(current, [Item(value) for value in values])
            case "wait":
                return self._event_data(words, current, events)
            case "job":
                return _offer(current, live_items(self._names, "job", ""))
            case "record" | "source" | "save":
                return _offer(current, live_items(self._names, "file", current.value.text))
        return Completions(current.start)

    def _event_data(
        self, words: Sequence[Word], current: Word, events: Sequence[Item]
    ) -> Completions:
        said = [word for word in words if not word.value.text.replace(".", "").isdigit()]
        if not said:
            return _offer(current, events)
        event = self._vocabulary.events.get(said[0].value.text)
        if event is None or event.arguments is None:
            return Completions(current.start)
        return self._members(event.arguments, event.name, said[1:], current, ())

    # --- Arguments ------------------------------------------------------------------------------

    def _arguments(
        self, name: str, words: Sequence[Word], current: Word, later: Sequence[Word]
    ) -> Completions:
        command = self._vocabulary.commands.get(name)
        schema = self._vocabulary.schema
        if command is None or schema is None:
            return Completions(current.start)
        said = said_in((*words, *later))
        schema, command = with_properties(schema, command, said, self._answers)
        return self._members(arguments_type(command), name, words, current, later, schema)

    def _members(
        self,
        type_name: str,
        command: str,
        words: Sequence[Word],
        current: Word,
        later: Sequence[Word],
        schema: Schema | None = None,
    ) -> Completions:
        schema = schema or self._vocabulary.schema
        if schema is None or (current.name is None and current.value.kind != "plain"):
            return Completions(current.start)
        tree = Level()
        for word in (*words, *later):
            try:
                insert_word(tree, word)
            except Mistake:
                continue
        walk = ArgumentCompletion(schema, tree, command, self._names)
        if current.name is None:
            return walk.names(type_name, current)
        return walk.values(type_name, current)


def _offer(current: Word, items: Iterable[Item]) -> Completions:
    """Take the items that begin with the word at the cursor; where none does, that hold it."""
    typed = current.value.text if current.name is None else f"{current.name}="
    given = list(items)
    found = list(starting(typed, given))
    if not found and len(typed) > 1:
        found = [item for item in given if typed in item.text and is_one_word(item.text)]
    return Completions(current.start, tuple(found))
