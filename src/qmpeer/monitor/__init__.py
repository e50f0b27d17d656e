"""The embeddable monitor: commands from Python signatures, any number of clients, events."""

from qmpeer.monitor.backend import Backend, CommandInfo, Context
from qmpeer.monitor.endpoints import CharacterDevice
from qmpeer.monitor.monitor import Monitor, new_event_loop
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.types import (
    Alternate,
    Int8,
    Int16,
    Int32,
    Int64,
    Size,
    StrOrNull,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
)

__all__ = [
    "Alternate",
    "Backend",
    "CharacterDevice",
    "CommandInfo",
    "Context",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Monitor",
    "NamedFds",
    "Size",
    "StrOrNull",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "new_event_loop",
]
