"""QAPI's unions as arguments: an object of which one member says what the others are.

The types of a handler's signature can't say this, so that commands with unions among their
arguments take any and read them here, with the monitor's own readers and so in QEMU's words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qmpeer.monitor.annotations import REQUIRED, Types
from qmpeer.monitor.hints import class_hints, struct_names
from qmpeer.monitor.readers import Member, Reader, Refusal, enum_reader, struct_reader, wrong_type
from qmpeer.values import JsonObject, JsonValue


def union_reader(tag: str, branches: Mapping[str, Reader]) -> Reader:
    """Make a reader of a union.

    Args:
        tag: The member that decides.
        branches: For each of its values the reader of the whole object.
    """
    read_tag = enum_reader(branches)

    def read_union(value: JsonValue) -> object:
        if type(value) is not dict:
            raise wrong_type("object")
        if tag not in value:
            raise Refusal("Parameter", " is missing", f".{tag}")
        try:
            branch: Any = read_tag(value[tag])
        except Refusal as refusal:
            refusal.path.append(f".{tag}")
            raise
        result: object = branch(value)
        return result

    return read_union


def branch_reader(cls: type[msgspec.Struct], **readers: Reader) -> Reader:
    """Make a reader of an object as a struct of ours.

    Args:
        cls: The struct; its fields are named and typed as the parameters of a handler are.
        readers: Readers of fields whose annotation doesn't say how to read them.
    """
    types = Types()
    hints = class_hints(cls)
    fields = msgspec.structs.fields(cls)
    members: list[Member] = []
    for (wire, name), field in zip(struct_names(cls), fields, strict=True):
        if name in readers:
            members.append(Member(wire, name, readers[name], not field.required))
        else:
            default = REQUIRED if field.required else field.default
            members.append(types.member(wire, name, hints[name], default))
    read_members = struct_reader(members)
    return lambda value: cls(**read_members(value))  # type: ignore[arg-type]  # union_reader saw it


def read_members(members: Sequence[Member], arguments: JsonObject) -> dict[str, object]:
    """Read a command's arguments.

    Raises:
        CommandError: If they don't fit.
    """
    return read_refusing(struct_reader(members), arguments)  # type: ignore[arg-type,return-value]


def read_refusing(read: Reader, arguments: JsonObject) -> object:
    """Read arguments, and turn a refusal into the error that the client gets.

    Raises:
        CommandError: If they don't fit.
    """
    try:
        return read(arguments)
    except Refusal as refusal:
        raise refusal.error() from None
