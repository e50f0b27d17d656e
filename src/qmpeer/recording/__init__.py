"""Recordings: the files of transcripts, read and written."""

from qmpeer.recording.reading import read_bounded, read_transcript

__all__ = ["read_bounded", "read_transcript"]
