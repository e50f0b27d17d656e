"""Completion of arguments: the names of members, and the values that the schema allows.

Required members come first, then the required members of nested objects that the user has begun,
then the optional members. A union's branch counts only if the value of its discriminator was
typed, before or behind the cursor.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.schema import Schema
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import (
    Array,
    EnumDefinition,
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.shell.argument_tree import Level, insert_word
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.members import Members, marks_of, members_of, type_words
from qmpeer.shell.name_kinds import NameLookup, kind_of
from qmpeer.shell.properties import PropertyAnswers
from qmpeer.shell.vocabulary import Vocabulary
from qmpeer.shell.words import Word

_SCALARS: Final = ("string", "int", "number", "boolean", "null")


class Candidate(msgspec.Struct, frozen=True):
    """One completion of the current word.

    Attributes:
        text: The text to insert in place of the current word.
        meta: A description in a few words.
        is_required: True for a mandatory member.
        name: The name without quotes if `text` quotes it, else "".
    """

    text: str
    meta: str = ""
    is_required: bool = False
    name: str = ""


class CompletionResult(msgspec.Struct, frozen=True):
    """The completions of a text at the cursor.

    Attributes:
        start: Offset of the text that a candidate replaces; it ends at the cursor.
        candidates: The completions, the likeliest first.
    """

    start: int
    candidates: tuple[Candidate, ...] = ()


class CompletionRequest(msgspec.Struct, frozen=True):
    """A position in a statement, and the sources of its completions.

    Attributes:
        vocabulary: The server's commands and events.
        names: The names of objects on the server.
        answers: The server's answers about properties.
        words: The words before the cursor that the completion depends on.
        current: The word at the cursor, cut at the cursor.
        later: The words behind the cursor.
    """

    vocabulary: Vocabulary
    names: NameLookup
    answers: PropertyAnswers
    words: Sequence[Word]
    current: Word
    later: Sequence[Word] = ()

    def offer(self, candidates: Iterable[Candidate]) -> CompletionResult:
        """Return the candidates that begin with the current word, or else those that contain it."""
        current = self.current
        typed = current.value.text if current.name is None else f"{current.name}="
        offered = list(candidates)
        found = list(matching_candidates(typed, offered))
        if not found and len(typed) > 1:
            found = [
                candidate
                for candidate in offered
                if typed in candidate.text and _is_one_word(candidate.text)
            ]
        return CompletionResult(current.start, tuple(found))

    def offer_names(self, kind: str, about: str = "") -> CompletionResult:
        """Return the names of one kind of object that match the current word, as `offer` does."""
        return self.offer(name_candidates(self.names, kind, about))

    def commands(self, *, is_oob: bool = False) -> Iterator[Candidate]:
        """Yield the server's commands, or only those that allow execution out of band."""
        for name in self.vocabulary.command_names:
            command = self.vocabulary.commands[name]
            if is_oob and command is not None and not command.allow_oob:
                continue
            yield Candidate(f"{name} ", "" if command is None else marks_of(command.features))

    def members(
        self, type_name: str, command: str, words: Sequence[Word], schema: Schema | None = None
    ) -> CompletionResult:
        """Complete the name of an object's member at the cursor, or the value of a member.

        Args:
            type_name: The object's type.
            command: The command or event that takes the object.
            words: The words of the object before the cursor.
            schema: The schema that defines the type; None for the vocabulary's.
        """
        current, schema = self.current, schema or self.vocabulary.schema
        if schema is None or (current.name is None and current.value.kind != "plain"):
            return CompletionResult(current.start)
        tree = Level()
        for word in (*words, *self.later):
            with contextlib.suppress(InputError):
                insert_word(tree, word)
        found = _ArgumentCompletion(schema, tree, command, self.names)
        if current.name is None:
            return found.names(type_name, current)
        return found.values(type_name, current)


class _ArgumentCompletion:
    """Completion within the arguments of one command.

    Args:
        schema: The schema.
        tree: The typed arguments.
        command: The command's name.
        names: The names of objects on the server.
    """

    def __init__(self, schema: Schema, tree: Level, command: str, names: NameLookup) -> None:
        self._schema = schema
        self._tree = tree
        self._names = names
        self._command = command

    def _name_scope(self, kind: str, typed: str) -> str:
        """Return the text that limits the names of a kind: a path, or the object of a property."""
        if kind in ("file", "qom-path"):
            return typed
        if kind == "qom-property":
            return self._tree.text_of("path") or ""
        return ""

    def names(self, type_name: str, current: Word) -> CompletionResult:
        """Complete the name of a member."""
        *parents, _ = current.value.text.split(".")
        prefix = "".join(f"{name}." for name in parents)
        found = self._descend(type_name, self._tree, parents)
        if found is None:
            return CompletionResult(current.start)
        kinds, level = found
        candidates: list[Candidate] = []
        type_, array = kinds.get("object"), kinds.get("array")
        if isinstance(type_, StructDefinition | UnionDefinition):
            candidates += self._object(type_.name, level, prefix)
        if isinstance(array, Array):
            index = sum(name.isdecimal() for name in level.members)
            candidates += self._member_candidates(array.element, f"{prefix}{index}", "item", False)
        return CompletionResult(
            current.start, tuple(matching_candidates(current.value.text, candidates))
        )

    def _object(self, type_name: str, level: Level, prefix: str) -> list[Candidate]:
        """Return the members that can follow, required ones first."""
        known = self._members_of(type_name, level)
        required: list[Candidate] = []
        optional: list[Candidate] = []
        late: list[Candidate] = []
        for name, member in known.members.items():
            typed = level.members.get(name)
            if isinstance(typed, Word):
                continue
            if isinstance(typed, Level):
                required += self._required_within(member, typed, f"{prefix}{name}.")
            is_required = not member.is_optional and typed is None
            meta = _meta(member, self._schema)
            candidates = list(
                self._member_candidates(member.type, f"{prefix}{name}", meta, is_required)
            )
            if typed is not None:  # typed in parts, so not as one value
                candidates = [
                    candidate for candidate in candidates if not candidate.text.endswith("=")
                ]
            if is_required and name in known.discriminators:
                required[:0] = candidates  # its value decides which other members exist
            elif is_required:
                required += candidates
            else:
                (late if marks_of(member.features) else optional).extend(candidates)
        return required + optional + late

    def _required_within(self, member: Member, level: Level, prefix: str) -> Iterator[Candidate]:
        """Yield the required members that a partly typed object still lacks."""
        type_ = alternatives(self._schema, member.type).get("object")
        if isinstance(type_, StructDefinition | UnionDefinition):
            for candidate in self._object(type_.name, level, prefix):
                if candidate.is_required:
                    yield candidate

    def _members_of(self, type_name: str, level: Level) -> Members:
        return members_of(self._schema, type_name, level.text_of)

    def _member_candidates(
        self, type_name: str, path: str, meta: str, is_required: bool
    ) -> Iterator[Candidate]:
        """Yield the ways to type a member: as a value, or as parts of an object or a list."""
        kinds = alternatives(self._schema, type_name)
        if any(kind in kinds for kind in _SCALARS):
            yield Candidate(f"{path}=", meta, is_required)
        if len(kinds) == len(ALL_KINDS):
            return
        if "object" in kinds:
            yield Candidate(f"{path}.", meta, is_required)
        array = kinds.get("array")
        if isinstance(array, Array):
            yield from self._member_candidates(array.element, f"{path}.0", meta, is_required)

    def _descend(
        self, type_name: str, level: Level, path: Sequence[str]
    ) -> tuple[dict[str, Type | None], Level] | None:
        """Return the kinds of values at a path, and the typed arguments there.

        Returns:
            None if the path doesn't exist.
        """
        kinds = alternatives(self._schema, type_name)
        for name in path:
            type_, array = kinds.get("object"), kinds.get("array")
            if isinstance(array, Array) and name.isdecimal():
                kinds = alternatives(self._schema, array.element)
            elif isinstance(type_, StructDefinition | UnionDefinition):
                member = self._members_of(type_.name, level).members.get(name)
                if member is None:
                    return None
                kinds = alternatives(self._schema, member.type)
            else:
                return None
            below = level.members.get(name)
            level = below if isinstance(below, Level) else Level()
        return kinds, level

    def values(self, type_name: str, current: Word) -> CompletionResult:
        """Complete the value of a member."""
        assert current.name is not None
        path = current.name.split(".")
        candidates = list(self._known_values(type_name, path))
        kind = kind_of(self._command, [part for part in path if not part.isdecimal()] or path)
        if kind is not None and (
            not candidates or all(candidate.text == "null " for candidate in candidates)
        ):
            candidates += name_candidates(
                self._names, kind, self._name_scope(kind, current.value.text)
            )
        value = current.value
        if value.kind == "quoted" or current.is_text:
            candidates = [
                Candidate(_quoted(candidate.text.rstrip(" ")), candidate.meta)
                for candidate in candidates
            ]
            if value.kind == "quoted":
                wanted = json.dumps(value.text, ensure_ascii=False)[:-1]
                return CompletionResult(value.start, tuple(matching_candidates(wanted, candidates)))
        return CompletionResult(value.start, tuple(matching_candidates(value.text, candidates)))

    def _known_values(self, type_name: str, path: Sequence[str]) -> Iterator[Candidate]:
        """Yield the values that the schema lists for a member."""
        found = self._descend(type_name, self._tree, path)
        if found is None:
            return
        kinds = found[0]
        for kind, type_ in kinds.items():
            if isinstance(type_, EnumDefinition):
                for value in sorted(type_.values, key=lambda value: bool(marks_of(value.features))):
                    yield Candidate(f"{value.name} ", marks_of(value.features))
            elif kind == "boolean" and type_ is not None:
                yield Candidate("true ")
                yield Candidate("false ")
            elif kind == "null" and type_ is not None:
                yield Candidate("null ")


def _meta(member: Member, schema: Schema) -> str:
    words = [] if member.is_optional else ["required"]
    words += filter(None, [marks_of(member.features), type_words(schema, member.type)])
    return ", ".join(words)


def name_candidates(names: NameLookup, kind: str, about: str) -> list[Candidate]:
    """Return the names of one kind of object on the server, quoted where that is necessary."""
    candidates = []
    for name in names(kind, about)[: limits.SHELL_COMPLETIONS]:
        if not name or not name.isprintable():
            continue
        end = "" if name.endswith("/") and kind in ("file", "qom-path") else " "
        word = _word(name)
        candidates.append(Candidate(word + end, kind, name="" if word == name else name))
    return candidates


def matching_candidates(typed: str, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Yield the candidates that begin with the typed text, quoted or not, each once.

    A server may use any characters in names. A name that can't be typed as one word is skipped.
    """
    seen: set[str] = set()
    for candidate in candidates:
        is_begun = candidate.text.startswith(typed) or candidate.name.startswith(typed)
        if is_begun and candidate.text not in seen and _is_one_word(candidate.text):
            seen.add(candidate.text)
            yield candidate


def _is_one_word(text: str) -> bool:
    """Return whether the inserted text is one word, apart from a blank at its end."""
    return text.isprintable() and (" " not in text.rstrip(" ") or text.startswith('"'))


def _word(name: str) -> str:
    """Return a name as a user types it: quoted if it has blanks or begins like a value."""
    if name[0] in "\"'{[" or any(char.isspace() for char in name):
        return _quoted(name)
    return name


def _quoted(name: str) -> str:
    return name if name.startswith('"') else json.dumps(name, ensure_ascii=False)
