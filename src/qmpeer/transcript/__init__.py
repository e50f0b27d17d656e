"""The text form of a recorded conversation.

libvirt's form is read and written by a module that is imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
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

if TYPE_CHECKING:
    from qmpeer.transcript.replies import format_replies, parse_replies

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
    "format_replies",
    "format_title",
    "format_transcript",
    "parse_replies",
    "parse_transcript",
    "too_long",
]

_HOMES = {
    "format_replies": "qmpeer.transcript.replies",
    "parse_replies": "qmpeer.transcript.replies",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
