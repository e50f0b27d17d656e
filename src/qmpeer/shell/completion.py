"""Completion: how a text can go on at the cursor, from nothing but what is given.

What is required comes first: the members that an object can't do without, those of objects within
it that were begun, then the optional ones. Branches are followed as far as the values of their
discriminators were typed, before the cursor or behind it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.schema import Schema
from qmpeer.schema.kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import Array, Enum, Member, Struct, Type, Union
from qmpeer.shell.argument_tree import Level, insert_word
from qmpeer.shell.members import OPEN_COMMANDS, Members, arguments_type, members_of
from qmpeer.shell.mistakes import Mistake
from qmpeer.shell.name_kinds import Names, kind_of, no_names
from qmpeer.shell.own_words import OWN_WORDS
from qmpeer.shell.vocabulary import Vocabulary, marks_of
from qmpeer.shell.words import Statement, Value, Word, split

__all__ = [
    "Completions",
    "Item",
    "complete",
    "complete_human",
    "transaction_types",
    "type_words",
]

_SETTINGS: Final[Mapping[str, Sequence[str]]] = {
    "output": ("auto", "json", "table", "raw"),
    "timing": ("on", "off"),
    "pager": ("on", "off"),
    "timeout": ("10", "300", "none"),
}
_COMMENT: Final = re.compile(r"""(?:^|(?<=\s))#[^'"]*$""")
_SCALARS: Final = ("string", "int", "number", "boolean", "null")


class Item(msgspec.Struct, frozen=True):
    """Hold one way to go on.

    Attributes:
        text: What the text from the start of the completions up to the cursor becomes.
        meta: What it is, in a few words.
        is_required: It has to be given.
    """

    text: str
    meta: str = ""
    is_required: bool = False


class Completions(msgspec.Struct, frozen=True):
    """Say how a text can go on.

    Attributes:
        start: Where in the text the part begins that is replaced.
        items: What it may become, the likeliest first.
    """

    start: int
    items: tuple[Item, ...] = ()


def complete(
    text: str, cursor: int, vocabulary: Vocabulary, names: Names = no_names
) -> Completions:
    """Find how a text can go on.

    Args:
        text: All that was typed.
        cursor: Where the cursor stands in it.
        vocabulary: What the server takes.
        names: The names of what it has.

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
    found = _Completer(vocabulary, names)
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
        start, tuple(_starting(typed, (Item(f"{n} ") for n in names("human", about))))
    )


class _Completer:
    """Complete by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, names: Names) -> None:
        self._vocabulary = vocabulary
        self._names = names

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
        for name in sorted(self._vocabulary.commands):
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
                return _offer(current, self._live("job", ""))
            case "record" | "source" | "save":
                return _offer(current, self._live("file", current.value.text))
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
        if command is None:
            return Completions(current.start)
        return self._members(arguments_type(command), name, words, current, later)

    def _members(
        self,
        type_name: str,
        command: str,
        words: Sequence[Word],
        current: Word,
        later: Sequence[Word],
    ) -> Completions:
        schema = self._vocabulary.schema
        if schema is None or (current.name is None and current.value.kind != "plain"):
            return Completions(current.start)
        tree = Level()
        for word in (*words, *later):
            try:
                insert_word(tree, word)
            except Mistake:
                continue
        walk = _Walk(schema, tree, command, self._names)
        if current.name is None:
            return walk.names(type_name, current)
        return self._values(walk, type_name, current)

    def _values(self, walk: "_Walk", type_name: str, current: Word) -> Completions:
        assert current.name is not None
        path = current.name.split(".")
        items = list(walk.values(type_name, path, current.value.text))
        kind = kind_of(walk.command, [part for part in path if not part.isdecimal()] or path)
        if kind is not None and (not items or all(item.text == "null " for item in items)):
            items += self._live(kind, walk.about(kind, current.value.text))
        value = current.value
        if value.kind == "quoted" or current.is_text:
            items = [Item(_quoted(item.text.rstrip(" ")), item.meta) for item in items]
            if value.kind == "quoted":
                wanted = json.dumps(value.text, ensure_ascii=False)[:-1]
                return Completions(value.start, tuple(_starting(wanted, items)))
        return Completions(value.start, tuple(_starting(value.text, items)))

    def _live(self, kind: str, about: str) -> list[Item]:
        items = []
        for name in self._names(kind, about)[: limits.SHELL_COMPLETIONS]:
            if not name or not name.isprintable():
                continue
            end = "" if name.endswith("/") and kind in ("file", "qom-path") else " "
            items.append(Item(_word(name) + end, kind))
        return items


class _Walk:
    """Walk from a command's arguments to the place of the cursor."""

    def __init__(self, schema: Schema, tree: Level, command: str, names: Names) -> None:
        self._schema = schema
        self._tree = tree
        self._names = names
        self.command: str = command

    def about(self, kind: str, typed: str) -> str:
        """Return what names of a kind depend on."""
        if kind in ("file", "qom-path"):
            return typed
        if kind == "qom-property":
            return _said(self._tree, "path") or ""
        return ""

    def names(self, type_name: str, current: Word) -> Completions:
        """Complete the name of a member."""
        *parents, _ = current.value.text.split(".")
        prefix = "".join(f"{name}." for name in parents)
        found = self._descend(type_name, self._tree, parents)
        if found is None:
            return Completions(current.start)
        kinds, level = found
        items: list[Item] = []
        of, array = kinds.get("object"), kinds.get("array")
        if isinstance(of, Struct | Union):
            items += self._object(of.name, level, prefix)
        if isinstance(array, Array):
            index = sum(name.isdecimal() for name in level.members)
            items += self._named(array.element, f"{prefix}{index}", "item", False)
        if self.command in OPEN_COMMANDS and not parents:
            items += self._properties(items)
        return Completions(current.start, tuple(_starting(current.value.text, items)))

    def _properties(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the properties of a device, which the schema doesn't know."""
        driver = _said(self._tree, "driver")
        there = {item.text.rstrip("=") for item in items} | set(self._tree.members)
        for name in self._names("device-property", driver) if driver else ():
            if name not in there and name.isprintable():
                yield Item(f"{name}=", "property")

    def _object(self, type_name: str, level: Level, prefix: str) -> list[Item]:
        """Give the members that can come next, what is required first."""
        known = self._known(type_name, level)
        required: list[Item] = []
        optional: list[Item] = []
        late: list[Item] = []
        for name, member in known.members.items():
            given = level.members.get(name)
            if isinstance(given, Word):
                continue
            if isinstance(given, Level):
                required += self._begun(member, given, f"{prefix}{name}.")
            is_required = not member.is_optional and given is None
            meta = _meta(member, self._schema)
            items = list(self._named(member.type, f"{prefix}{name}", meta, is_required))
            if given is not None:
                items = [item for item in items if not item.text.endswith("=")]
            if is_required and name in known.discriminators:
                required[:0] = items
            elif is_required:
                required += items
            else:
                (late if marks_of(member.features) else optional).extend(items)
        return required + optional + late

    def _begun(self, member: Member, level: Level, prefix: str) -> Iterator[Item]:
        """Give what is still required in an object that was begun."""
        of = alternatives(self._schema, member.type).get("object")
        if isinstance(of, Struct | Union):
            for item in self._object(of.name, level, prefix):
                if item.is_required:
                    yield item

    def _known(self, type_name: str, level: Level) -> Members:
        return members_of(self._schema, type_name, lambda name: _said(level, name))

    def _named(self, type_name: str, path: str, meta: str, is_required: bool) -> Iterator[Item]:
        """Give the forms in which a member can be given: a value, an object's or a list's parts."""
        kinds = alternatives(self._schema, type_name)
        if any(kind in kinds for kind in _SCALARS):
            yield Item(f"{path}=", meta, is_required)
        if len(kinds) == len(ALL_KINDS):
            return
        if "object" in kinds:
            yield Item(f"{path}.", meta, is_required)
        array = kinds.get("array")
        if isinstance(array, Array):
            yield from self._named(array.element, f"{path}.0", meta, is_required)

    def _descend(
        self, type_name: str, level: Level, path: Sequence[str]
    ) -> tuple[dict[str, Type | None], Level] | None:
        """Return the kinds of values at a path, and what was typed there; None if it is none."""
        kinds = alternatives(self._schema, type_name)
        for name in path:
            of, array = kinds.get("object"), kinds.get("array")
            if isinstance(array, Array) and name.isdecimal():
                kinds = alternatives(self._schema, array.element)
            elif isinstance(of, Struct | Union):
                member = self._known(of.name, level).members.get(name)
                if member is None:
                    return None
                kinds = alternatives(self._schema, member.type)
            else:
                return None
            below = level.members.get(name)
            level = below if isinstance(below, Level) else Level()
        return kinds, level

    def values(self, type_name: str, path: Sequence[str], typed: str) -> Iterator[Item]:
        """Give the values that a member can have, as far as the schema knows them."""
        found = self._descend(type_name, self._tree, path)
        if found is None:
            return
        kinds = found[0]
        for kind, of in kinds.items():
            if isinstance(of, Enum):
                for value in sorted(of.values, key=lambda value: bool(marks_of(value.features))):
                    yield Item(f"{value.name} ", marks_of(value.features))
            elif kind == "boolean" and of is not None:
                yield Item("true ")
                yield Item("false ")
            elif kind == "null" and of is not None:
                yield Item("null ")


def transaction_types(schema: Schema) -> dict[str, str]:
    """Return the actions of a transaction, and the type of each one's data."""
    command = next((each for each in schema.commands() if each.name == "transaction"), None)
    if command is None:
        return {}
    actions = members_of(schema, arguments_type(command), lambda _: None).members.get("actions")
    array = schema.types.get(actions.type) if actions else None
    if not isinstance(array, Array):
        return {}
    tags = members_of(schema, array.element, lambda _: None).discriminators
    found = {}
    for name in tags.get("type", ()):
        data = _data_of(schema, array.element, name)
        if data is not None:
            found[name] = data
    return found


def _data_of(schema: Schema, action: str, name: str) -> str | None:
    member = members_of(schema, action, lambda _: name).members.get("data")
    return None if member is None else member.type


def _said(level: Level, name: str) -> str | None:
    node = level.members.get(name)
    return node.value.text if isinstance(node, Word) else None


def _meta(member: Member, schema: Schema) -> str:
    words = [] if member.is_optional else ["required"]
    words += filter(None, [marks_of(member.features), type_words(schema, member.type)])
    return ", ".join(words)


def type_words(schema: Schema, name: str) -> str:
    """Say what a type is, in a word or two."""
    kinds = alternatives(schema, name)
    if len(kinds) == len(ALL_KINDS):
        return "any"
    of = schema.types[name]
    if isinstance(of, Enum):
        values = "|".join(value.name for value in of.values)
        return values if len(values) <= limits.SHELL_META else "enum"
    words = {"boolean": "bool", "string": "str"}
    return "|".join(words.get(kind, kind) for kind in kinds)


def _offer(current: Word, items: Iterable[Item]) -> Completions:
    """Take the items that begin with the word at the cursor; where none does, that hold it."""
    typed = current.value.text if current.name is None else f"{current.name}="
    given = list(items)
    found = list(_starting(typed, given))
    if not found and len(typed) > 1:
        found = [item for item in given if typed in item.text]
    return Completions(current.start, tuple(found))


def _starting(typed: str, items: Iterable[Item]) -> Iterator[Item]:
    seen: set[str] = set()
    for item in items:
        if item.text.startswith(typed) and item.text not in seen:
            seen.add(item.text)
            yield item


def _word(name: str) -> str:
    """Return a name as it is typed: quoted if it has blanks, or looks like something else."""
    if name[0] in "\"'{[" or any(char.isspace() for char in name):
        return _quoted(name)
    return name


def _quoted(name: str) -> str:
    return name if name.startswith('"') else json.dumps(name, ensure_ascii=False)
