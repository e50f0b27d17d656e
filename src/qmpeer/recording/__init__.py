"""Recordings: the files of transcripts, read, and written while a conversation goes on.

Names are imported on first use: the shell needs only one of them when it starts.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.recording.private_file import open_private
    from qmpeer.recording.reading import read_bounded, read_transcript
    from qmpeer.recording.recorder import ConnectionRecording, Recording, dated_title

__all__ = [
    "ConnectionRecording",
    "Recording",
    "dated_title",
    "open_private",
    "read_bounded",
    "read_transcript",
]

_HOMES = {
    "ConnectionRecording": "qmpeer.recording.recorder",
    "Recording": "qmpeer.recording.recorder",
    "dated_title": "qmpeer.recording.recorder",
    "open_private": "qmpeer.recording.private_file",
    "read_bounded": "qmpeer.recording.reading",
    "read_transcript": "qmpeer.recording.reading",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
