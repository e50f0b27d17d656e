"""Typed arguments as JSON values, by the schema of the connected server.

The schema decides the type of a value: ``node-name=123`` is text and ``size=64M`` a number. A value
that the server would reject raises an `InputError` that marks the wrong word.
"""

import re
from collections.abc import Sequence
from typing import Final, NoReturn

from qmpeer.errors import ValidationError
from qmpeer.messages import REDACTED, qemu_texts
from qmpeer.on_off import WHOLE_WORDS
from qmpeer.schema import Schema, Validator
from qmpeer.schema.json_kinds import ALL_KINDS, alternatives
from qmpeer.schema.model import (
    Array,
    BuiltIn,
    CommandDefinition,
    EnumDefinition,
    EventDefinition,
    Member,
    StructDefinition,
    Type,
    UnionDefinition,
)
from qmpeer.shell.argument_tree import (
    Level,
    Node,
    build_tree,
    items_of,
    parse_json,
    untyped_node,
    untyped_object,
    untyped_value,
)
from qmpeer.shell.input_errors import InputError
from qmpeer.shell.members import arguments_type, members_of
from qmpeer.shell.properties import is_lenient
from qmpeer.shell.suggestions import did_you_mean
from qmpeer.shell.words import Value, Word
from qmpeer.values import JsonObject, JsonValue

_INTEGER: Final = re.compile(
    r"([+-]?)(?:0x([0-9a-f]+)|([0-9]+)(?:\.([0-9]+))?([bkmgtpe]?)(?:i?b)?)", re.I
)
_POWERS: Final = {unit: 10 * power for power, unit in enumerate("bkmgtpe")}
_KIND_WORDS: Final = {
    "int": "integer", "boolean": "boolean", "number": "number", "string": "string", "null": "null",
    "array": "array", "object": "object",
}  # fmt: skip
_FEW: Final = 12
"""The most values of an enum that a hint lists."""


class ArgumentReader:
    """A converter from typed arguments to JSON values, by a schema.

    Args:
        schema: The server's schema.

    Example:
        >>> from qmpeer.schema.model import BUILT_INS, StructDefinition
        >>> from qmpeer.shell.words import split
        >>> types = {**BUILT_INS, "resize-arg": StructDefinition(
        ...     name="resize-arg", members=(Member("node", "str"), Member("size", "size")))}
        >>> resize = CommandDefinition(name="resize", arguments="resize-arg")
        >>> words = split("resize node=1 size=64M", {})[0].words
        >>> ArgumentReader(Schema(types, (resize,))).arguments(resize, words[1:])
        {'node': '1', 'size': 67108864}
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._validator = Validator(schema)

    def arguments(
        self, command: CommandDefinition, words: Sequence[Word], end: int = 0
    ) -> JsonObject:
        """Return the arguments of a command.

        Args:
            command: The command.
            words: The words behind its name.
            end: The offset that an error about a missing argument marks if there are no words.

        Raises:
            InputError: If the arguments are wrong.
        """
        return self.members(
            arguments_type(command), words, command.name, end, is_open=not command.is_generated
        )

    def event_match(self, event: EventDefinition, words: Sequence[Word]) -> JsonObject:
        """Return values that an event's data must match; none of them is mandatory.

        Raises:
            InputError: If the event's data can't have them.
        """
        if event.arguments is None:
            return self.members("q_empty", words, event.name)
        return self._object(event.arguments, build_tree(words), event.name, is_partial=True)

    def members(
        self,
        type_name: str,
        words: Sequence[Word],
        where: str,
        end: int = 0,
        *,
        is_open: bool = False,
    ) -> JsonObject:
        """Return an object of a type, typed as words or as one JSON object.

        Args:
            type_name: The type.
            words: The words.
            where: The command or action that takes the object, for messages.
            end: The offset that an error about a missing member marks if there are no words.
            is_open: True if the object may have members that the schema doesn't list.

        Raises:
            InputError: If the object is wrong.
        """
        if len(words) == 1 and words[0].name is None and words[0].value.kind == "json":
            value = parse_json(words[0].value)
            if not isinstance(value, dict):
                reason = "found an array, expected a JSON object or name=value"
                raise InputError(reason, words[0].start, words[0].end)
            if not is_open:
                self._check(type_name, value, words[0].value, ())
            return value
        return self._object(type_name, build_tree(words, end), where, is_open=is_open)

    # --- Objects and lists ----------------------------------------------------------------------

    def _object(
        self,
        type_name: str,
        level: Level,
        where: str,
        *,
        is_open: bool = False,
        is_partial: bool = False,
    ) -> JsonObject:
        known = members_of(self._schema, type_name, level.text_of)
        result: JsonObject = {}
        for name, node in level.members.items():
            path = ".".join((*level.path, name))
            member = known.members.get(name)
            if member is not None:
                result[name] = self._node(member.type, node, path, is_partial)
            elif is_open:
                result[name] = untyped_node(node, _open_value)
            else:
                self._unexpected(node, name, path, known.members, known.undecided, where)
        if not is_partial:
            for member in known.members.values():
                if not member.is_optional and member.name not in level.members:
                    path = ".".join((*level.path, member.name))
                    hint = f"{path}= {self.expectation(member.type, path)}"
                    raise InputError(qemu_texts.missing(path), level.end, level.end, hint)
        return result

    def _unexpected(
        self,
        node: Node,
        name: str,
        path: str,
        members: dict[str, Member],
        undecided: str | None,
        where: str,
    ) -> NoReturn:
        word = node.first if isinstance(node, Level) else node
        assert word is not None
        start = word.start + len(path) - len(name)
        hint = did_you_mean(name, members)
        if not hint and undecided is not None:
            hint = f"further members depend on {undecided}, which is missing"
        if not hint:
            hint = f"{where} takes {_listed(list(members))}" if members else f"{where} takes none"
        raise InputError(qemu_texts.unexpected(path), start, start + len(name), hint)

    def _node(self, type_name: str, node: Node, path: str, is_partial: bool = False) -> JsonValue:
        if isinstance(node, Word):
            return self.value(type_name, node, path)
        kinds = alternatives(self._schema, type_name)
        is_any = "array" in kinds and "object" in kinds and kinds["object"] is None
        if is_any or (is_lenient(type_name) and "object" not in kinds):
            return untyped_node(node, _open_value)
        type_ = kinds.get("array") if node.is_list or "object" not in kinds else kinds["object"]
        if isinstance(type_, Array):
            return [
                self._node(type_.element, item, f"{path}.{index}", is_partial)
                for index, item in enumerate(items_of(node))
            ]
        if isinstance(type_, StructDefinition | UnionDefinition):
            is_open = is_lenient(type_name)
            return self._object(type_.name, node, path, is_open=is_open, is_partial=is_partial)
        word = node.first
        assert word is not None
        reason = f"'{path}' has no members"
        hint = f"{path}= {self.expectation(type_name, path)}"
        raise InputError(reason, word.start, word.start + len(word.name or ""), hint)

    # --- Values ---------------------------------------------------------------------------------

    def value(self, type_name: str, word: Word, path: str) -> JsonValue:
        """Return the value of a word, as a value of a type.

        Args:
            type_name: The type.
            word: The word.
            path: The path of the argument, for messages.

        Raises:
            InputError: If the word isn't a value of the type.
        """
        value = word.value
        _refuse_redacted(value)
        kinds = alternatives(self._schema, type_name)
        # QAPI's "any". An alternate of all kinds has types for them.
        if len(kinds) == len(ALL_KINDS) and kinds["string"] is None:
            return untyped_value(word)
        if value.kind == "json":
            found = parse_json(value)
            if not is_lenient(type_name):
                self._check(type_name, found, value, (path,))
            return found
        if value.kind == "plain" and not word.is_text:
            simple = _simple(kinds, value.text)
            if simple is not _NOTHING:
                type_ = kinds.get("int")
                if type(simple) is int and isinstance(type_, BuiltIn) and type_.low != type_.high:
                    self._check(
                        type_name, simple, value, (path,), f"from {type_.low} to {type_.high}"
                    )
                return simple  # type: ignore[return-value]  # the mark is gone
        if "string" in kinds:
            return self._string(kinds["string"], value, path)
        raise self._wrong_type(type_name, kinds, value, path)

    def _string(self, type_: Type | None, value: Value, path: str) -> str:
        if isinstance(type_, EnumDefinition):
            values = [each.name for each in type_.values]
            if value.text not in values:
                shown = value.text if len(value.text) < 100 else f"{value.text[:100]}…"
                reason = qemu_texts.not_accepted(path, shown)
                hint = did_you_mean(value.text, values) or f"expected {_listed(values)}"
                raise InputError(reason, value.start, value.end, hint)
        return value.text

    def _wrong_type(
        self, type_name: str, kinds: dict[str, Type | None], value: Value, path: str
    ) -> InputError:
        word = _KIND_WORDS[next(iter(kinds))] if len(kinds) == 1 else type_name
        reason = qemu_texts.wrong_type(path, word)
        hint = self.expectation(type_name, path)
        if value.kind == "quoted" and ("int" in kinds or "boolean" in kinds):
            hint += ", without quotes"
        start, end = value.start, value.end
        return InputError(reason, start, end, f"{path}= {hint}")

    def _check(
        self, type_name: str, found: JsonValue, value: Value, path: Sequence[str], hint: str = ""
    ) -> None:
        try:
            self._validator.check(type_name, found)
        except ValidationError as error:
            prefix = ".".join(path)
            desc = error.desc
            if prefix:
                inner = f"{prefix}.{error.path}" if error.path else prefix
                inner = inner.replace(".[", "[")
                desc = desc.replace(f"'{error.path or 'null'}'", f"'{inner}'", 1)
            raise InputError(desc, *_place(value, error.path), hint) from None

    def expectation(self, type_name: str, path: str) -> str:
        """Return a few words about the values that an argument takes."""
        kinds = alternatives(self._schema, type_name)
        if len(kinds) == len(ALL_KINDS):
            return "takes any value"
        words = [self._kind_words(kind, type_, path) for kind, type_ in kinds.items()]
        return "takes " + " or ".join(words)

    def _kind_words(self, kind: str, type_: Type | None, path: str) -> str:
        if isinstance(type_, EnumDefinition):
            return _listed([value.name for value in type_.values])
        if kind == "object" and isinstance(type_, StructDefinition | UnionDefinition):
            known = members_of(self._schema, type_.name, lambda _: None).members
            first = next((m for m in known.values() if not m.is_optional), None)
            first = first or next(iter(known.values()), None)
            inside = f"{path}.{first.name}=…" if first else "{}"
            return f"an object ({inside})"
        if kind == "array":
            return f"a list ({path}.0=…, or [..])"
        return {
            "string": "text",
            "int": "a whole number (4096, 0x1000, 64M)",
            "number": "a number",
            "boolean": "true or false",
            "null": "null",
        }.get(kind, kind)


_NOTHING: Final = object()


def _simple(kinds: dict[str, Type | None], text: str) -> object:
    """Return a plain value as null, boolean or number, if it is one that the kinds allow."""
    if "null" in kinds and text == "null":
        return None
    if "boolean" in kinds and (found := boolean(text)) is not None:
        return found
    if "int" in kinds and (number := integer(text)) is not None:
        return number
    if "number" in kinds:
        return _number(text)
    return _NOTHING


def boolean(text: str) -> bool | None:
    """Return the boolean of true, on, yes, false, off or no; None for other texts."""
    return WHOLE_WORDS.get(text.lower())


def integer(text: str) -> int | None:
    """Return a whole number, with or without a size suffix of QEMU's; None for other texts.

    Example:
        >>> integer("0x400"), integer("1.5G"), integer("64k"), integer("1M1")
        (1024, 1610612736, 65536, None)
    """
    found = _INTEGER.fullmatch(text) if len(text) < 40 else None
    if found is None:
        return None
    sign, digits, whole, fraction, unit = found.groups()
    if digits is not None:
        value = int(digits, 16)
    else:
        shift = _POWERS[(unit or "b").lower()]
        value, rest = divmod(int(whole + (fraction or "")) << shift, 10 ** len(fraction or ""))
        if rest or (fraction and not shift):
            return None
    return -value if sign == "-" else value


def _number(text: str) -> object:
    whole = integer(text)
    if whole is not None:
        return whole
    try:
        value = float(text)
    except ValueError:
        return _NOTHING
    return value if value - value == 0 else _NOTHING  # neither infinite nor NaN


def _open_value(word: Word) -> JsonValue:
    """Return a value that the schema leaves open: on and off as booleans, all others untyped."""
    value = word.value
    if value.kind == "plain" and not word.is_text and value.text in ("on", "off"):
        return value.text == "on"
    return untyped_value(word)


def read_untyped(words: Sequence[Word]) -> JsonObject:
    """Return arguments without a schema.

    Raises:
        InputError: If the words contradict each other, or JSON doesn't parse.
    """
    if len(words) == 1 and words[0].name is None and words[0].value.kind == "json":
        value = parse_json(words[0].value)
        if isinstance(value, dict):
            return value
    return untyped_object(build_tree(words), _checked_value)


def _checked_value(word: Word) -> JsonValue:
    _refuse_redacted(word.value)
    return untyped_value(word)


def _refuse_redacted(value: Value) -> None:
    if value.text == REDACTED:
        reason = "this was a secret, which history doesn't store"
        raise InputError(reason, value.start, value.end, "type it again")


def _place(value: Value, path: str) -> tuple[int, int]:
    """Return the offsets of a member's name in a JSON text, or of the text if that is unclear."""
    name = re.sub(r"\[\d+\]", "", path).rpartition(".")[2]
    found = list(re.finditer(rf"([\"']){re.escape(name)}\1", value.text)) if name else []
    if len(found) == 1:
        return value.start + found[0].start(), value.start + found[0].end()
    return value.start, value.end


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _FEW:
        return ", ".join(names)
    return f"{', '.join(names[:_FEW])} and {len(names) - _FEW} more"
