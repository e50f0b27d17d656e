"""The objects of ``-object`` and ``object-add``, by id; each kind has a maker of its own.

Spec: QAPI, ObjectOptions. The error texts are QEMU's.
"""

from collections.abc import Collection, Mapping
from typing import Final, Protocol, TypeAlias

from qmpeer import limits
from qmpeer.chardev.key_values import check_id
from qmpeer.errors import ChardevError
from qmpeer.monitor import Context
from qmpeer.values import JsonObject, JsonValue

Properties: TypeAlias = Mapping[str, tuple[str, JsonValue]]
"""The properties of an object in QOM: their types and values by name."""


class ObjectMaker(Protocol):
    """The maker and owner of objects of some types."""

    @property
    def types(self) -> Collection[str]:
        """The types of objects that `add` makes."""

    def add(self, id: str, properties: JsonObject) -> None:
        """Create an object.

        Raises:
            ChardevError: If it can't be created, in QEMU's words.
        """

    def remove(self, id: str, context: Context | None) -> None:
        """Remove an object.

        Raises:
            ChardevError: If it can't be removed, in QEMU's words.
        """

    def properties(self, id: str) -> Properties:
        """Return the properties that QOM shows of an object."""


class Objects:
    """The objects of one program.

    Args:
        makers: The makers of objects.

    Attributes:
        types: The types of all objects by id.
    """

    def __init__(self, *makers: ObjectMaker) -> None:
        self.types: Final[dict[str, str]] = {}
        self._makers: dict[str, ObjectMaker] = {}
        for maker in makers:
            self.add_maker(maker)

    def add_maker(self, maker: ObjectMaker) -> None:
        """Let objects of a maker's types be created."""
        self._makers.update(dict.fromkeys(maker.types, maker))

    @property
    def names(self) -> list[str]:
        """The ids of all objects."""
        return list(self.types)

    def add(self, properties: JsonObject) -> None:
        """Create an object.

        Args:
            properties: A valid ObjectOptions of the schema.

        Raises:
            ChardevError: If it can't be created, in QEMU's words.
        """
        id = check_id(str(properties["id"]))
        if id in self.types:
            place = "to object (type 'container')"
            raise ChardevError(f"attempt to add duplicate property '{id}' {place}")
        if len(self.types) >= limits.OBJECTS:
            raise ChardevError(f"there are {limits.OBJECTS} objects already")
        kind = str(properties["qom-type"])
        self._makers[kind].add(id, properties)
        self.types[id] = kind

    def remove(self, id: str, context: Context | None = None) -> None:
        """Remove an object.

        Args:
            id: Its id.
            context: The origin of the command that asks for it, if a command does.

        Raises:
            ChardevError: If there is no object of that name, or it can't be removed.
        """
        if id not in self.types:
            raise ChardevError(f"object '{id}' not found")
        self._makers[self.types[id]].remove(id, context)
        del self.types[id]

    def properties(self, id: str) -> Properties:
        """Return the properties that QOM shows of an object."""
        return self._makers[self.types[id]].properties(id)
