"""The schema types that handlers' annotations are compiled to.

A type without a name in the signature is named after its use. Equal types are one type.
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
"""The type of any value; also of objects with any members, for which QAPI has no other type."""

_WORDS: Final = re.compile("[A-Za-z0-9]+")


class SchemaTypes:
    """The types of one schema, added one by one.

    Args:
        taken: Names that are used by other types.

    Attributes:
        types: The types by name, without the built-in ones.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.types: dict[str, Type] = {}
        self._taken: set[str] = {*BUILT_INS, *taken}
        self._made: dict[object, str] = {}

    def array(self, element: str) -> str:
        """Add the array of a type, and return its name."""
        name = f"[{element}]"
        self.types[name] = Array(name, element)
        return name

    def enum(self, name: str, values: Sequence[str]) -> str:
        """Add an enum and return its name, which is ``name``, or similar if that is taken."""
        key = ("enum", tuple(values))
        if key not in self._made:
            own = self._made[key] = self.reserve(name)
            self.types[own] = EnumDefinition(name=own, values=tuple(map(EnumValue, values)))
        return self._made[key]

    def alternate(self, name: str, branches: Mapping[str, str]) -> str:
        """Add an alternate and return its name, which is ``name``, or similar if that is taken."""
        key = ("alternate", name, tuple(branches.items()))
        if key not in self._made:
            own = self._made[key] = self.reserve(name)
            pairs = tuple(Branch(word, type_name) for word, type_name in branches.items())
            self.types[own] = AlternateDefinition(name=own, branches=pairs)
        return self._made[key]

    def struct(self, name: str, members: Sequence[Member]) -> None:
        """Add a struct under a reserved name."""
        self.types[name] = StructDefinition(name=name, members=tuple(members))

    def arguments(self, entity: str, members: Sequence[Member]) -> str:
        """Add the type of a command's arguments or an event's data, and return its name."""
        name = f"{entity}-arg"
        self.types[name] = StructDefinition(name=name, members=tuple(members), is_implicit=True)
        return name

    def reserve(self, wish: str) -> str:
        """Return a new name similar to a wished one, and mark it as taken."""
        words = (word[:1].upper() + word[1:] for word in _WORDS.findall(wish))
        stem = name = "".join(words) or "Type"
        number = 2
        while name in self._taken:
            name = f"{stem}{number}"
            number += 1
        self._taken.add(name)
        return name
