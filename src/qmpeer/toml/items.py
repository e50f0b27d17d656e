"""A value of a TOML file, with its place: it is read as what is expected, or refused there."""

import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeAlias

from qmpeer.errors import QMPError
from qmpeer.messages import near_names
from qmpeer.messages.shown_values import shown_path, shown_value
from qmpeer.toml.place import Place
from qmpeer.toml.reading import read_toml
from qmpeer.toml.value_places import Path, Places
from qmpeer.values import JsonObject, JsonValue

MakeError: TypeAlias = Callable[[str, str], QMPError]
"""A class of errors, which have a reason and a place."""


class DocumentKind(NamedTuple):
    """A kind of document.

    Attributes:
        name: What documents of this kind are, such as "scripts in TOML".
        install: The command that installs the parser for them, in qmpeer's checkout.
        most: The most bytes of one.
        error: Makes the error for one that can't be read, or for an item in it.
    """

    name: str
    install: str
    most: int
    error: MakeError


class Item:
    """A value with its place.

    Args:
        value: The value.
        path: The way to it.
        places: The places of the file.
        error: Makes the errors.
    """

    def __init__(self, value: Any, path: Path, places: Places, error: MakeError) -> None:
        self.value: Any = value
        self._path = path
        self._places = places
        self._error = error

    @property
    def place(self) -> Place:
        """Its place."""
        return self._places.of(self._path)

    @property
    def key_place(self) -> Place:
        """The place of its key."""
        return self._places.of_key(self._path)

    @property
    def document_digest(self) -> str:
        """The SHA-256 of the whole document's text, in hexadecimal."""
        return self._places.digest

    @property
    def key(self) -> str:
        """Its key; "" for the document and for items of arrays."""
        last = self._path[-1] if self._path else ""
        return last if isinstance(last, str) else ""

    @property
    def name(self) -> str:
        """The way to it, such as ``on[0].command``; "" for the document."""
        return shown_path(self._path).removeprefix(".")

    # Errors

    def wrong(self, expected: str) -> QMPError:
        """Return the error for a value that isn't what is expected."""
        return self.refused(f"found {self._shown()}, expected {expected}")

    def refused(self, reason: str) -> QMPError:
        """Return an error at this value."""
        named = f"{self.name}: {reason}" if self._path else reason
        return self._error(named, str(self.place))

    def refused_inside(self, reason: str, offset: int) -> QMPError:
        """Return an error at a character inside this text, which so many others precede."""
        return self._error(f"{self.name}: {reason}", str(self._places.inside(self._path, offset)))

    def _shown(self) -> str:
        match self.value:
            case dict():
                return "a table"
            case list():
                return "an array"
            case bool() | int() | str():
                return shown_value(self.value)
        return str(self.value)  # a time, or a number such as nan

    # Reading

    def table(self, keys: Collection[str], *, required: Collection[str] = ()) -> dict[str, "Item"]:
        """Return the values of a table.

        Args:
            keys: The keys that may be there.
            required: Those that must.

        Raises:
            QMPError: If it is no table, or has other keys; of the class of the document's kind, as
                every error of an item.
        """
        items = self.any_table()
        for key, item in items.items():
            if key not in keys:
                near = near_names(key, keys, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                known = ", ".join(sorted(keys))
                where = f" in {self.name}" if self._path else ""
                reason = f"found the key {key!r}{where}, expected one of {known}{hint}"
                raise self._error(reason, str(item.key_place))
        for key in required:
            if key not in items:
                raise self.refused(f"found no {key}, expected one")
        return items

    def any_table(self) -> dict[str, "Item"]:
        """Return the values of a table with any keys."""
        if not isinstance(self.value, dict):
            raise self.wrong("a table")
        return {key: self._below(each, key) for key, each in self.value.items()}

    def array(self) -> list["Item"]:
        """Return the values of an array."""
        if not isinstance(self.value, list):
            raise self.wrong("an array")
        return [self._below(each, at) for at, each in enumerate(self.value)]

    def one_or_more(self) -> list["Item"]:
        """Return the values of an array that isn't empty, or this value alone if it is no array."""
        if not isinstance(self.value, list):
            return [self]
        items = self.array()
        if not items:
            raise self.refused("found none, expected at least one")
        return items

    def _below(self, value: Any, step: str | int) -> "Item":
        return Item(value, (*self._path, step), self._places, self._error)

    def text(self, *choice: str) -> str:
        """Return a text, one of some words if there are any."""
        if not isinstance(self.value, str):
            raise self.wrong(_one_of(choice) if choice else "a text")
        if choice and self.value not in choice:
            near = near_names(self.value, choice, 1)
            raise self.wrong(_one_of(choice) + (f"; did you mean {near[0]}?" if near else ""))
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def integer(self, least: int = 0, most: float = math.inf) -> int:
        """Return a whole number in a range."""
        if type(self.value) is not int or not least <= self.value <= most:
            to = f" to {most:g}" if most < math.inf else ""
            raise self.wrong(f"a whole number from {least}{to}")
        return self.value

    def seconds(self) -> float:
        """Return a time in seconds."""
        if type(self.value) not in (int, float) or not 0 <= self.value < math.inf:
            raise self.wrong("seconds, 0 or more")
        return float(self.value)

    def json(self) -> JsonValue:
        """Return any value that JSON has."""
        if isinstance(self.value, dict):
            return {key: item.json() for key, item in self.any_table().items()}
        if isinstance(self.value, list):
            return [item.json() for item in self.array()]
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise self.wrong("a value that JSON has")
        if not isinstance(self.value, str | bool | int | float):
            raise self.wrong("a value that JSON has")
        return self.value

    def json_object(self) -> JsonObject:
        """Return a table that JSON has as an object."""
        self.any_table()
        value = self.json()
        assert isinstance(value, dict)
        return value


def _one_of(choice: Collection[str]) -> str:
    *others, last = choice
    return f"{', '.join(others)} or {last}" if others else last


def read_document(path: str, kind: DocumentKind) -> Item:
    """Return the document in a file.

    Raises:
        OSError: If the file can't be read.
        QMPError: If it is no TOML, or too long; of the class of the document's kind.
        ModuleNotFoundError: If the extra of that kind isn't installed.
    """
    text, values = read_toml(path, kind.most, kind.error)
    try:
        places = Places(path, text)
    except ModuleNotFoundError as error:
        reason = f"{kind.name} need {error.name}: {kind.install} in qmpeer's checkout"
        raise ModuleNotFoundError(reason, name=error.name) from error
    return Item(values, (), places, kind.error)
