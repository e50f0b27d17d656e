"""JSON values, as Python has them.

An object is a dict with string keys, an array a list; integers are exact, other numbers floats.
``UNSET`` stands for a member that isn't there, which is not the same as null.
"""

from typing import TypeAlias, Union

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "JsonObject", "JsonValue", "UnsetType"]

JsonValue: TypeAlias = Union[bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None]
JsonObject: TypeAlias = dict[str, JsonValue]
