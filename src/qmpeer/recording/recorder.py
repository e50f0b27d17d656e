"""The recorder: what passes on connections becomes a transcript without secrets."""

import os
import time
from collections.abc import Callable, Iterable
from threading import RLock
from types import TracebackType
from typing import Protocol

from qmpeer import limits
from qmpeer.messages import redact_urls
from qmpeer.recording.blanking import Blanker, read_server
from qmpeer.recording.cutting import NO_VALUE, Cutter, Piece
from qmpeer.recording.text_file import TextFile
from qmpeer.transcript import (
    Closed,
    Descriptors,
    Elapsed,
    Entry,
    Line,
    Noise,
    OnConnection,
    Opened,
    Remark,
    Sender,
    format_entry,
    format_title,
)


class LineFile(Protocol):
    """A file to which whole lines are appended; see `TextFile`."""

    @property
    def failure(self) -> OSError | None:
        """The failure that has ended the writing, None so far."""

    def write(self, text: str) -> None:
        """Append lines; nothing is raised."""

    def close(self) -> None:
        """Close the file."""


class Recording:
    r"""A file that takes in what passes on connections, as a section of a transcript.

    Each line is written when it is known, so a program that dies loses the last one at most. A
    message without a secret has its very bytes, and one over several lines has as many lines;
    ``<redacted>`` stands for a secret, and then the message is on one line. A message is written
    when it is whole: after the line end behind it, or without one when anything else passes on its
    connection. Bytes that are no message are noise.

    It may be used by several threads, and by clients that are open at the same time. The
    program that opened it closes it. Once open it never raises an error: when its file can't be
    written any more, it warns in the log, and the conversation goes on without it.

    Attributes:
        path: The file.
        connections: The number of connections so far.
        messages: The number of messages so far.
        size: The number of bytes that have passed.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "vm.txt")
        >>> with Recording.open(path, title="a test", times=False) as recording:
        ...     connection = recording.opened()
        ...     connection.passed(Sender.CLIENT, b'{"execute": "stop"}\n')
        ...     connection.passed(Sender.SERVER, b'{"return": {}}\r\n')
        ...     connection.closed(Sender.CLIENT)
        >>> with open(path) as file:
        ...     print(file.read(), end="")
        # a test
        @ opened
        -> {"execute": "stop"}
        <- {"return": {}}
        @ closed by client
    """

    def __init__(
        self, file: LineFile, path: str, clock: Callable[[], float], *, times: bool
    ) -> None:
        self.path: str = path
        self.connections: int = 0
        self.messages: int = 0
        self.size: int = 0
        self._file = file
        self._clock = clock if times else None
        self._began: float | None = None  # when the first line was written
        self._written = 0.0  # when the last one was
        self._lock = RLock()  # a signal handler may interrupt its holder, and use another client
        self._open: dict[int, ConnectionRecording] = {}
        self._current = 1  # the connection of the last entry
        self._held = 0  # bytes of unfinished messages

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        title: str | None = "",
        times: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> "Recording":
        """Open a file, and begin a section in it.

        What the file already holds stays, and the new section comes behind it. The file's mode
        becomes 0600.

        Args:
            path: The file. It may be a pipe.
            title: The section's title. "" makes one of the date and the time, in UTC. None begins
                no section: the lines come behind those that are there.
            times: True to record when a line came, in seconds since the first one, after each pause
                of `limits.RECORDED_PAUSE` or more.
            clock: The clock for these times, in seconds.

        Raises:
            OSError: If the file can't be written, can't be made private, or if another recording is
                being written to it.
        """
        name = os.fspath(path)
        file = TextFile(name)
        if title is not None:
            begun = format_title(redact_urls(title) or dated_title())
            try:
                file.append(begun if file.is_empty else f"\n{begun}")
            except OSError:
                file.close()
                raise
        return cls(file, name, clock, times=times)

    @property
    def failure(self) -> OSError | None:
        """The error that has ended the writing of the file, None so far."""
        return self._file.failure

    def opened(self, peer: str = "") -> "ConnectionRecording":
        """Begin the recording of one connection.

        Args:
            peer: A remark on it, such as an address; passwords in URLs are blanked.
        """
        remarks: list[Entry] = [Remark(redact_urls(peer))] if peer else []
        return self._begin([*remarks, Opened()])

    def joined(self) -> "ConnectionRecording":
        """Begin the recording of a connection that was opened before."""
        return self._begin([])

    def _begin(self, entries: list[Entry]) -> "ConnectionRecording":
        with self._lock:
            self.connections += 1
            connection = ConnectionRecording(self, self.connections)
            self._open[self.connections] = connection
            if entries:
                self._write(connection.number, entries)
        return connection

    def close(self) -> None:
        """End all connections that are still open, and close the file."""
        with self._lock:
            for connection in [*self._open.values()]:
                connection._end([])
            self._file.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, number: int, entries: Iterable[Entry]) -> None:
        """Write the entries of one connection."""
        lines = [format_entry(entry) for entry in entries]
        if number != self._current:
            self._current = number
            lines.insert(0, format_entry(OnConnection(number)))
        if self._clock is not None:
            now = self._clock()
            if self._began is None:
                self._began = self._written = now
            if now - self._written >= limits.RECORDED_PAUSE:
                lines.insert(0, format_entry(Elapsed(round(now - self._began, 3))))
            self._written = now
        self._file.write("".join(lines))


class ConnectionRecording:
    """The recording of one connection, as `Recording.opened` returns it.

    Attributes:
        number: Its number, from 1.
    """

    __slots__ = ("_blanker", "_client", "_fds", "_is_open", "_recording", "_server", "number")

    def __init__(self, recording: Recording, number: int) -> None:
        self.number: int = number
        self._recording = recording
        self._blanker = Blanker()
        self._client = Cutter(self._blanker.read_client)
        self._server = Cutter(read_server)
        self._fds: dict[Sender, int] = {}  # that came, and stand before no message yet
        self._is_open = True

    def passed(self, sender: Sender, data: bytes, fds: int = 0) -> None:
        """Record bytes; nothing is raised.

        Args:
            sender: The end that sent them.
            data: The bytes, as they were sent: any number of messages, whole or not.
            fds: The number of descriptors that came with them.
        """
        recording = self._recording
        with recording._lock:
            if not self._is_open or recording.failure is not None:
                return
            recording.size += len(data)
            if sender is Sender.CLIENT:
                cutter, other, answerer = self._client, Sender.SERVER, self._server
            else:
                cutter, other, answerer = self._server, Sender.CLIENT, self._client
            held = cutter.held + answerer.held
            entries: list[Entry] = []
            if not answerer.is_settled:
                entries += self._entries(other, answerer.settle())
            if fds:
                entries += self._entries(sender, cutter.settle())
                self._fds[sender] = self._fds.get(sender, 0) + fds
            entries += self._entries(sender, cutter.receive(data))
            if (now := cutter.held + answerer.held) != held:
                entries += self._entries(sender, self._hold(cutter, now - held))
            if entries:
                recording._write(self.number, entries)

    def _hold(self, cutter: Cutter, size: int) -> list[Piece]:
        """Count the bytes of unfinished messages, and drop one if there are too many."""
        recording = self._recording
        recording._held += size
        if size <= 0 or recording._held <= limits.RECORDED_HELD:
            return []
        held = cutter.held
        found = cutter.drop()
        recording._held += cutter.held - held
        return found

    def closed(self, by: Sender | None, reason: str = "") -> None:
        """End the recording of this connection.

        Args:
            by: The end that closed it, None if that isn't known.
            reason: Why, such as an error's text; secrets in it are blanked.
        """
        with self._recording._lock:
            if self._is_open:
                self._end([Closed(by, self._blanker.text(reason))])

    def _end(self, last: list[Entry]) -> None:
        entries: list[Entry] = []
        cutters = (Sender.CLIENT, self._client), (Sender.SERVER, self._server)
        self._recording._held -= sum(cutter.held for _, cutter in cutters)
        for sender, cutter in cutters:
            entries += self._entries(sender, cutter.settle())
        for sender, cutter in cutters:
            entries += self._entries(sender, cutter.end())
        self._is_open = False
        self._recording._open.pop(self.number, None)
        entries += last
        if entries:
            self._recording._write(self.number, entries)

    def _entries(self, sender: Sender, pieces: list[Piece]) -> list[Entry]:
        entries: list[Entry] = []
        for piece in pieces:
            if self._fds and (count := self._fds.pop(sender, 0)):
                entries.append(Descriptors(sender, count))
            if piece.dropped:
                text = f"{piece.dropped} bytes from the {sender.noun} are too many for this file"
                entries.append(Remark(text))
            elif piece.value is not NO_VALUE:
                self._recording.messages += 1
                data = self._blanker.value(sender, piece.data, piece.value)
                entries += [Line(sender, part) for part in _lines(data)]
            elif piece.is_noise:
                entries += self._noise(sender, piece.data)
            else:
                entries.append(Line(sender, piece.data))
        return entries

    def _noise(self, sender: Sender, data: bytes) -> list[Entry]:
        most = limits.RECORDED_NOISE
        entries: list[Entry] = [Noise(sender, self._blanker.noise(sender, data[:most]))]
        if len(data) > most:
            entries.append(Remark(f"{len(data) - most} more bytes of it aren't recorded"))
        return entries


def dated_title(peer: str = "") -> str:
    """Return a section's title: an address, the date and the time in UTC."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"{peer}, {now}" if peer else now


def _lines(data: bytes) -> list[bytes]:
    """Return a message's lines, and the parts of a long one."""
    most = limits.RECORDED_LINE
    if data.find(b"\n") in (-1, len(data) - 1) and len(data) <= most:
        return [data]
    lines = [part + b"\n" for part in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]  # what is behind the last line end, if anything
    return [line[at : at + most] for line in lines for at in range(0, len(line), most)]
