"""The text form of a recorded conversation."""

from qmpeer.transcript.entries import (
    Closed,
    Descriptors,
    Elapsed,
    Entry,
    Line,
    Noise,
    OnConnection,
    Opened,
    Remark,
    Section,
    Sender,
    Transcript,
)

__all__ = [
    "Closed",
    "Descriptors",
    "Elapsed",
    "Entry",
    "Line",
    "Noise",
    "OnConnection",
    "Opened",
    "Remark",
    "Section",
    "Sender",
    "Transcript",
]
