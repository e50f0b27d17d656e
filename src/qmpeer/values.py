"""JSON values as Python types.

An object is a dict with string keys, an array is a list. Integers are exact, other numbers are
floats. ``UNSET`` stands for a missing member, which is not the same as null.
"""

from typing import TypeAlias, Union

from msgspec import UNSET, UnsetType

__all__ = ["UNSET", "JsonObject", "JsonValue", "UnsetType"]

JsonValue: TypeAlias = Union[bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"], None]
JsonObject: TypeAlias = dict[str, JsonValue]
