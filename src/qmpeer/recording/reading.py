"""The reading of a transcript's file, never more of it than a transcript may have."""

import os
import stat
from typing import Final

from qmpeer import limits
from qmpeer.transcript import Transcript, parse_transcript, too_long

_CHUNK: Final = 1024 * 1024


def read_transcript(path: str | os.PathLike[str]) -> Transcript:
    """Read a file as a transcript.

    A file that is too long is refused at once if it is a regular one, and else when more than
    `limits.TRANSCRIPT_SIZE` bytes have come of it.

    Args:
        path: The file. It may be a pipe.

    Raises:
        TranscriptError: If a line doesn't belong in a transcript, or the file is too long.
        OSError: If the file can't be read.
    """
    return parse_transcript(read_bounded(path), os.fspath(path))


def read_bounded(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file that isn't longer than a transcript may be.

    Raises:
        TranscriptError: If it is longer.
        OSError: If it can't be read.
    """
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size > limits.TRANSCRIPT_SIZE:
            raise too_long(os.fspath(path))
        chunks, size = [], 0
        while chunk := file.read(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > limits.TRANSCRIPT_SIZE:
                raise too_long(os.fspath(path))
    return b"".join(chunks)
