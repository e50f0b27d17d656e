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
from qmpeer.transcript.reading import parse_transcript, too_long
from qmpeer.transcript.writing import format_entry, format_title, format_transcript

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
    "format_entry",
    "format_title",
    "format_transcript",
    "parse_transcript",
    "too_long",
]
