"""The embeddable monitor: commands from Python signatures, any number of clients, events."""

from qmpeer.monitor.attachment import Attachment
from qmpeer.monitor.backend import (
    Backend,
    ClientState,
    CommandInfo,
    Context,
    ContextMonitor,
    CutOff,
    EncodedEvent,
    EncodedEvents,
    RawBackend,
    RawBytes,
    RawClient,
    RawSession,
    Reply,
)
from qmpeer.monitor.handlers.types import (
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
from qmpeer.monitor.monitor import Monitor, new_event_loop
from qmpeer.monitor.named_fds import NamedFds
from qmpeer.monitor.openings import CharacterDevice, DetachableDevice

__all__ = [
    "Alternate",
    "Attachment",
    "Backend",
    "CharacterDevice",
    "ClientState",
    "CommandInfo",
    "Context",
    "ContextMonitor",
    "CutOff",
    "DetachableDevice",
    "EncodedEvent",
    "EncodedEvents",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Monitor",
    "NamedFds",
    "RawBackend",
    "RawBytes",
    "RawClient",
    "RawSession",
    "Reply",
    "Size",
    "StrOrNull",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "new_event_loop",
]
