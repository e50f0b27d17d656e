"""A transcript of the conversation in a file, without secrets."""

import os
from typing import IO

from qmpeer.messages import Event, Scrubber, event_message, redact_urls
from qmpeer.recording import open_private
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line


class Recording:
    """A transcript with ``->`` before sent messages and ``<-`` before received ones.

    Args:
        path: The file, to which lines are appended.

    Raises:
        OSError: If it can't be written, or can't be made private.
    """

    def __init__(self, path: str) -> None:
        fd = open_private(os.path.expanduser(path))
        self._scrubber = Scrubber()
        self._file: IO[bytes] = open(fd, "ab", buffering=0)  # noqa: SIM115 - it stays open

    def write_command(self, command: str, arguments: JsonObject | None, *, is_oob: bool) -> None:
        """Write a command, without its secrets."""
        message: JsonObject = {"exec-oob" if is_oob else "execute": command}
        if arguments:
            message["arguments"] = self._scrubber.arguments(command, arguments)
        self._write(b"-> ", message)

    def write_return(self, value: JsonValue) -> None:
        """Write a command's return value."""
        self._write(b"<- ", {"return": value})

    def write_error(self, error_class: str, desc: str) -> None:
        """Write a command's error, without the secrets of earlier commands."""
        shown = self._scrubber.text(desc)
        self._write(b"<- ", {"error": {"class": error_class, "desc": shown}})

    def write_event(self, event: Event) -> None:
        """Write an event."""
        self._write(b"<- ", event_message(event.name, event.data or None, event.timestamp))

    def _write(self, arrow: bytes, message: JsonObject) -> None:
        text = redact_urls(encode_line(message).decode())
        self._file.write(arrow + text.replace("\r\n", "\n").encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
