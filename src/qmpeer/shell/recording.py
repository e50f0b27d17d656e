"""The shell's recording: the messages of statements and events, not those of completion."""

import os

from qmpeer.messages import Event, event_message
from qmpeer.recording import Recording as FileRecording
from qmpeer.transcript import Sender
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_line


class Recording:
    """A transcript of the statements' commands and answers, and of all events.

    Args:
        path: The file, to which lines are appended.

    Raises:
        OSError: If it can't be written, or can't be made private.
    """

    def __init__(self, path: str) -> None:
        self._file = FileRecording.open(os.path.expanduser(path), title=None, times=False)
        self._connection = self._file.joined()

    def write_command(self, command: str, arguments: JsonObject | None, *, is_oob: bool) -> None:
        """Write a command, without its secrets."""
        message: JsonObject = {"exec-oob" if is_oob else "execute": command}
        if arguments:
            message["arguments"] = arguments
        line = encode_line(message).removesuffix(b"\r\n")
        self._connection.passed(Sender.CLIENT, line + Sender.CLIENT.line_end)

    def write_return(self, value: JsonValue) -> None:
        """Write a command's return value."""
        self._write({"return": value})

    def write_error(self, error_class: str, desc: str) -> None:
        """Write a command's error, without the secrets of earlier commands."""
        self._write({"error": {"class": error_class, "desc": desc}})

    def write_event(self, event: Event) -> None:
        """Write an event."""
        self._write(event_message(event.name, event.data or None, event.timestamp))

    def _write(self, message: JsonObject) -> None:
        self._connection.passed(Sender.SERVER, encode_line(message))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
