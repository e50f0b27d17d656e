"""QAPI types that plain Python annotations can't express.

An ``int`` is QAPI's ``int``, 64 bits with a sign; a ``str | int`` is an alternate without a name.
Use an ``Annotated`` type for anything narrower. For a type checker these are plain integers and
unions.
"""

from typing import Annotated, TypeAlias

import msgspec


class Signed(msgspec.Struct, frozen=True):
    """The number of bits of an integer with a sign: ``Annotated[int, Signed(16)]``."""

    bits: int


class Unsigned(msgspec.Struct, frozen=True):
    """The number of bits of an integer without a sign: ``Annotated[int, Unsigned(16)]``.

    Spec: QEMU accepts a negative integer for one of 64 bits and adds 2^64 to it.
    """

    bits: int


class Alternate(msgspec.Struct, frozen=True):
    """The name of a union as a QAPI alternate: ``Annotated[str | None, Alternate("StrOrNull")]``.

    The error for a value of any other type contains this name. Without a name, the error lists the
    types, as in ``str|int``.
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
