"""Answers of a real server, added to the transcripts that lack them."""

import os
import tempfile
from bisect import insort

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage, Scrubber, command_message, error_message, return_message
from qmpeer.replay.conversations import Conversation, RecordedReply
from qmpeer.transcript import Line, Sender, format_entry
from qmpeer.values import JsonObject, UnsetType
from qmpeer.wire import encode_line


def added_lines(command: CommandMessage, reply: RecordedReply, id: str, scrubber: Scrubber) -> str:
    """Return the lines of a command and its reply, without secrets.

    They have an id, so that the reply isn't taken for that of a command that was cut off.
    """
    arguments = scrubber.arguments(command.name, command.arguments)
    asked = command_message(command.name, arguments, id, command.is_oob)
    if reply.error is not None:
        error = reply.error
        answered = error_message(str(error.get("class")), scrubber.text(str(error.get("desc"))), id)
    else:
        assert not isinstance(reply.value, UnsetType)
        answered = return_message(reply.value, id)
    return _line(Sender.CLIENT, asked) + _line(Sender.SERVER, answered)


def _line(sender: Sender, message: JsonObject) -> str:
    data = encode_line(message).rstrip() + sender.line_end
    return format_entry(Line(sender, data))


class Additions:
    """The lines that are to be added to one transcript's file.

    They go behind the last line of their conversation. The file is written anew, under another
    name first, so it is whole at any time.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # a daemon changes its folder
        self._size = os.stat(path).st_size
        self._pending: list[tuple[int, int, str]] = []  # the line before, a number, the lines
        self._written: list[tuple[int, int]] = []  # the line before, how many lines followed
        self._number = 0
        self._scrubber = Scrubber()

    def add(
        self, conversation: Conversation, command: CommandMessage, reply: RecordedReply
    ) -> None:
        """Add a command and its reply to a conversation; `write` brings them to the file."""
        self._number += 1
        lines = added_lines(command, reply, f"added-{self._number}", self._scrubber)
        insort(self._pending, (conversation.last_line, self._number, lines))

    def write(self) -> None:
        """Write what was added since the last call.

        Raises:
            TranscriptError: If somebody else has changed the file.
            OSError: If it can't be read or written.
        """
        if not self._pending:
            return
        with open(self._path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = [f"{line}\n" for line in file.read().removesuffix("\n").split("\n")]
        if os.stat(self._path).st_size != self._size:
            reason = "found a changed file, expected it as it was read: nothing is added to it"
            raise TranscriptError(reason, self._path)
        for before, _, text in reversed(self._pending):
            earlier = sum(count for line, count in self._written if line <= before)
            lines.insert(before + earlier, text)
        self._replace("".join(lines))
        self._written += [(before, text.count("\n")) for before, _, text in self._pending]
        self._pending.clear()

    def _replace(self, text: str) -> None:
        folder = os.path.dirname(self._path) or "."
        fd, new = tempfile.mkstemp(prefix=".qmpeer-", dir=folder)
        try:
            with open(fd, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(text)
            os.chmod(new, os.stat(self._path).st_mode & 0o777)
            os.replace(new, self._path)
        except BaseException:
            os.unlink(new)
            raise
        self._size = os.stat(self._path).st_size
