"""The types of QAPI that Python's own annotations can't say.

An ``int`` is QAPI's ``int``, 64 bits with a sign; a ``str | int`` is an alternate without a name.
Where a handler means something narrower, it says so in an ``Annotated``; to a type checker these
are plain integers and unions.
"""

from typing import Annotated, TypeAlias

import msgspec


class Signed(msgspec.Struct, frozen=True):
    """Say how many bits an integer with a sign has: ``Annotated[int, Signed(16)]``."""

    bits: int


class Unsigned(msgspec.Struct, frozen=True):
    """Say how many bits an integer without a sign has: ``Annotated[int, Unsigned(16)]``.

    Spec: QEMU takes a negative integer for one of 64 bits and adds 2^64 to it.
    """

    bits: int


class Alternate(msgspec.Struct, frozen=True):
    """Name a union as QAPI names its alternates: ``Annotated[str | None, Alternate("StrOrNull")]``.

    The name stands in the error text for a value of none of its types. Without one it is made of
    the names of the types, as in ``str|int``.
    """

    name: str


Int8: TypeAlias = Annotated[int, Signed(8)]
Int16: TypeAlias = Annotated[int, Signed(16)]
Int32: TypeAlias = Annotated[int, Signed(32)]
Int64: TypeAlias = Annotated[int, Signed(64)]
UInt8: TypeAlias = Annotated[int, Unsigned(8)]
UInt16: TypeAlias = Annotated[int, Unsigned(16)]
UInt32: TypeAlias = Annotated[int, Unsigned(32)]
UInt64: TypeAlias = Annotated[int, Unsigned(64)]
Size: TypeAlias = Annotated[int, Unsigned(64)]
"""Bytes. On the wire a plain integer: suffixes such as 1G are for the command line."""
StrOrNull: TypeAlias = Annotated[str | None, Alternate("StrOrNull")]
