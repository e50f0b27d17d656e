"""Readable names for types that introspection lists only as numbers.

A type is named after its first use, in a breadth-first search from the commands and events in their
order: query-status returns a StatusInfo, whose member `status` is a Status. A type that is only the
arguments of one command gets the name of an implicit type, such as eject-arg: in most cases it is
one in QEMU's files, too.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from qmpeer import limits
from qmpeer.schema.introspection_entities import (
    AlternateEntity,
    ArrayEntity,
    BuiltInEntity,
    CommandEntity,
    EnumEntity,
    EventEntity,
    ObjectEntity,
    TypeEntity,
)
from qmpeer.schema.model import BUILT_INS, EMPTY

_WORDS: Final = re.compile("[A-Za-z0-9]+")
_KNOWN_ALTERNATES: Final = {
    frozenset({"str", "null"}): "StrOrNull",
    frozenset({"str", "{driver…}"}): "BlockdevRef",
    frozenset({"str", "null", "{driver…}"}): "BlockdevRefOrNull",
    frozenset({"str", "{node,name}"}): "BlockDirtyBitmapOrStr",
}
"""QEMU's names of alternates, which its error texts contain."""


def camel_case(name: str) -> str:
    """Return a name from the wire in CamelCase, the form of type names.

    Example:
        >>> camel_case("x-query-virtio"), camel_case("DEVICE_DELETED"), camel_case("__com.acme_x")
        ('XQueryVirtio', 'DeviceDeleted', 'ComAcmeX')
    """
    words = (word.lower() if word.isupper() else word for word in _WORDS.findall(name))
    return "".join(word[0].upper() + word[1:] for word in words)


def name_types(
    entities: Iterable[CommandEntity | EventEntity], types: Mapping[str, TypeEntity], empty: str
) -> dict[str, str]:
    """Return a name for each type except arrays and built-in types.

    Args:
        entities: The commands and events, in their order.
        types: The types by their names in introspection.
        empty: The type that means "nothing".

    Returns:
        The new names, by the old names.
    """
    return _TypeNamer(types, empty).name_all(list(entities))


class _TypeNamer:
    def __init__(self, types: Mapping[str, TypeEntity], empty: str) -> None:
        self._types = types
        self._names = {empty: EMPTY.name}
        self._taken = {*BUILT_INS, EMPTY.name, *types}
        self._numbers = Counter[str]()
        self._queue: deque[tuple[str, str]] = deque()

    def name_all(self, entities: list[CommandEntity | EventEntity]) -> dict[str, str]:
        uses = Counter(entity.arg_type for entity in entities)
        for type_entity in self._types.values():
            uses.update(_references(type_entity))
        uses.update(entity.ret_type for entity in entities if isinstance(entity, CommandEntity))
        for entity in entities:
            self._name_arguments(entity, uses[entity.arg_type] == 1)
            if isinstance(entity, CommandEntity):
                stem = camel_case(entity.name.removeprefix("query-"))
                is_query = entity.name.startswith("query-")
                self._use(entity.ret_type, stem, "Info" if is_query else "Result")
        self._follow()
        for name in self._types:
            self._use(name, "Unused")
            self._follow()
        return self._names

    def _name_arguments(self, entity: CommandEntity | EventEntity, is_only_use: bool) -> None:
        arguments = self._types[entity.arg_type]
        if is_only_use and isinstance(arguments, ObjectEntity) and arguments.tag is None:
            if arguments.name not in self._names:
                self._assign(arguments.name, camel_case(entity.name), f"{entity.name}-arg")
        else:
            suffix = "Arguments" if isinstance(entity, CommandEntity) else "Data"
            self._use(entity.arg_type, camel_case(entity.name), suffix)

    def _follow(self) -> None:
        """Name the types that queued types use, until the queue is empty."""
        while self._queue:
            name, stem = self._queue.popleft()
            match self._types[name]:
                case ObjectEntity(members=members, variants=variants):
                    for member in members:
                        self._use(member.type, stem, word=member.name)
                    for variant in variants:
                        self._use(variant.type, stem, word=variant.case)
                case AlternateEntity(members=alternatives):
                    for alternative in alternatives:
                        self._use(alternative.type, stem, self._kind(alternative.type))

    def _use(self, name: str, stem: str, suffix: str = "", word: str = "") -> None:
        """Name a type after one of its uses, unless it has a name.

        Args:
            name: The type, or an array of it.
            stem: The name of the using command or type, in CamelCase.
            suffix: The suffix for the stem.
            word: The member of the using type.
        """
        if name in self._names:
            return
        type_entity = self._types[name]
        is_array = isinstance(type_entity, ArrayEntity)
        if isinstance(type_entity, ArrayEntity):
            name = type_entity.element_type
            type_entity = self._types[name]
        if name in self._names or isinstance(type_entity, BuiltInEntity):
            return
        stem = _join(stem, camel_case(word)) if word else stem
        stem = stem.removesuffix("s") if is_array else stem
        if not name.isdigit():  # the server doesn't mask names
            self._names[name] = name
            self._queue.append((name, camel_case(name)))
        else:
            known = _KNOWN_ALTERNATES.get(self._branches(type_entity), stem + suffix)
            self._assign(name, stem, known)

    def _assign(self, name: str, stem: str, preferred: str) -> None:
        chosen = preferred
        while chosen in self._taken:
            self._numbers[preferred] = max(self._numbers[preferred] + 1, 2)
            chosen = f"{preferred}{self._numbers[preferred]}"
        self._taken.add(chosen)
        self._names[name] = chosen
        self._queue.append((name, stem))

    def _branches(self, type_entity: TypeEntity) -> frozenset[str]:
        """Return the types of an alternate's branches; objects are identified by their members."""
        if not isinstance(type_entity, AlternateEntity):
            return frozenset()
        return frozenset(map(self._mark, (member.type for member in type_entity.members)))

    def _mark(self, name: str) -> str:
        match self._types[name]:
            case ObjectEntity(tag=None, members=members):
                return "{" + ",".join(member.name for member in members) + "}"
            case ObjectEntity(tag=tag):
                return f"{{{tag}…}}"
            case _:
                return name

    def _kind(self, name: str) -> str:
        match self._types[name]:
            case ObjectEntity():
                return "Object"
            case EnumEntity():
                return "Enum"
            case _:
                return "Element"


def _join(stem: str, word: str) -> str:
    # Nested types would make ever longer names: start anew with the member's name.
    if len(stem) + len(word) > limits.TYPE_NAME:
        return word
    return stem if stem.endswith(word) else stem + word


def _references(type_entity: TypeEntity) -> Iterator[str]:
    match type_entity:
        case ObjectEntity(members=members, variants=variants):
            yield from (member.type for member in members)
            yield from (variant.type for variant in variants)
        case AlternateEntity(members=alternatives):
            yield from (alternative.type for alternative in alternatives)
        case ArrayEntity(element_type=element):
            yield element
