"""Recordings in files: transcripts, and the ``.replies`` of libvirt's tests."""

import os

from qmpeer.recording.reading import read_bounded
from qmpeer.transcript import Transcript, parse_transcript


def read_recording(path: str | os.PathLike[str]) -> Transcript:
    """Read a file as a transcript, or, if it begins with a brace, as libvirt's replies.

    Raises:
        TranscriptError: If it is neither, or is too long.
        OSError: If it can't be read.
    """
    data = read_bounded(path)
    name = os.fspath(path)
    if data.lstrip()[:1] == b"{":
        raise NotImplementedError
    return parse_transcript(data, name)
