"""The base of generated bindings: commands as values, typed events, types that stay open."""

from qmpeer.bindings.calls import (
    Command,
    EventType,
    TypedEvent,
    command,
    event_type,
    union_command,
)
from qmpeer.bindings.deprecation import deprecated
from qmpeer.bindings.encoding import encode
from qmpeer.bindings.types import Empty, Enumeration, Struct, UnknownBranch

__all__ = [
    "Command",
    "Empty",
    "Enumeration",
    "EventType",
    "Struct",
    "TypedEvent",
    "UnknownBranch",
    "command",
    "deprecated",
    "encode",
    "event_type",
    "union_command",
]
