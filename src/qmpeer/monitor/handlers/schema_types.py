"""The types that handlers' annotations stand for, as types of a schema.

What a signature doesn't name gets a name after its use. Types of the same making are one type.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from qmpeer.schema import (
    BUILT_INS,
    AlternateDefinition,
    Array,
    Branch,
    EnumDefinition,
    EnumValue,
    Member,
    StructDefinition,
    Type,
)

ANY: Final = "any"
"""The type of anything; objects with any members are of it as well, as QAPI can't say more."""

_WORDS: Final = re.compile("[A-Za-z0-9]+")


class SchemaTypes:
    """The types of one schema, collected one by one.

    Args:
        taken: The names that other types have.

    Attributes:
        types: The types by their names, without the built-in ones.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.types: dict[str, Type] = {}
        self._taken: set[str] = {*BUILT_INS, *taken}
        self._made: dict[object, str] = {}

    def array(self, element: str) -> str:
        """Return the name of the type of arrays of a type."""
        name = f"[{element}]"
        self.types[name] = Array(name, element)
        return name

    def enum(self, name: str, values: Sequence[str]) -> str:
        """Return the name of an enum, which is like the one that is wished for."""
        key = ("enum", tuple(values))
        if key not in self._made:
            own = self._made[key] = self.reserve(name)
            self.types[own] = EnumDefinition(name=own, values=tuple(map(EnumValue, values)))
        return self._made[key]

    def alternate(self, name: str, branches: Mapping[str, str]) -> str:
        """Return the name of an alternate, which is like the one that is wished for."""
        key = ("alternate", name, tuple(branches.items()))
        if key not in self._made:
            own = self._made[key] = self.reserve(name)
            named = tuple(Branch(word, of) for word, of in branches.items())
            self.types[own] = AlternateDefinition(name=own, branches=named)
        return self._made[key]

    def struct(self, name: str, members: Sequence[Member]) -> None:
        """Declare a struct under a name that was reserved for it."""
        self.types[name] = StructDefinition(name=name, members=tuple(members))

    def arguments(self, entity: str, members: Sequence[Member]) -> str:
        """Return the name of the type of a command's arguments or of an event's data."""
        name = f"{entity}-arg"
        self.types[name] = StructDefinition(name=name, members=tuple(members), is_implicit=True)
        return name

    def reserve(self, wish: str) -> str:
        """Return a name that nothing else has."""
        words = (word[:1].upper() + word[1:] for word in _WORDS.findall(wish))
        stem = name = "".join(words) or "Type"
        number = 2
        while name in self._taken:
            name = f"{stem}{number}"
            number += 1
        self._taken.add(name)
        return name
