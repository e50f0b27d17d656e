"""Recordings in files: transcripts, and the ``.replies`` of libvirt's tests."""

import os

from qmpeer.errors import TranscriptError
from qmpeer.recording.reading import read_bounded
from qmpeer.transcript import Transcript, parse_transcript


def read_recording(path: str | os.PathLike[str], *, is_added_to: bool = False) -> Transcript:
    """Read a file as a transcript, or, if it begins with a brace, as libvirt's replies.

    Args:
        path: The file.
        is_added_to: True if lines are to be added to the file: it has to be a transcript.

    Raises:
        TranscriptError: If it is neither, or is too long.
        OSError: If it can't be read.
    """
    data = read_bounded(path)
    name = os.fspath(path)
    if data.lstrip()[:1] == b"{":
        if is_added_to:
            raise TranscriptError("found replies, expected a transcript to add to", name)
        raise NotImplementedError
    return parse_transcript(data, name)
