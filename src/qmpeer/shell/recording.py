"""The conversation as a transcript in a file, without its secrets."""

import os
from typing import IO

from qmpeer.messages import Event
from qmpeer.messages.redaction import redact_arguments
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line

__all__ = ["Recording"]


class Recording:
    """Write what is sent behind ``->`` and what comes behind ``<-``.

    Args:
        path: The file, to which lines are added.

    Raises:
        OSError: If it can't be written.
    """

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(os.path.expanduser(path), flags, 0o600)
        self.path: str = path
        self._file: IO[bytes] = open(fd, "ab", buffering=0)  # noqa: SIM115 - it stays open

    def sent(self, command: str, arguments: JsonObject | None, *, is_oob: bool) -> None:
        """Write a command."""
        message: JsonObject = {"exec-oob" if is_oob else "execute": command}
        if arguments:
            message["arguments"] = redact_arguments(command, arguments)
        self._write(b"-> ", message)

    def returned(self, value: JsonValue) -> None:
        """Write what it returned."""
        self._write(b"<- ", {"return": value})

    def failed(self, error_class: str, desc: str) -> None:
        """Write its error."""
        self._write(b"<- ", {"error": {"class": error_class, "desc": desc}})

    def happened(self, event: Event) -> None:
        """Write an event."""
        message: JsonObject = {}
        if event.timestamp is not None:
            seconds, microseconds = event.timestamp.seconds, event.timestamp.microseconds
            message["timestamp"] = {"seconds": seconds, "microseconds": microseconds}
        message["event"] = event.name
        if event.data:
            message["data"] = event.data
        self._write(b"<- ", message)

    def _write(self, arrow: bytes, message: JsonObject) -> None:
        self._file.write(arrow + encode_line(message).replace(b"\r\n", b"\n"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
