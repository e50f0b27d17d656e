"""One connection to the server under test: raw bytes out, messages in, a deadline for each wait."""

import fcntl
import socket
import termios
from collections import deque
from contextlib import suppress
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from qmpeer import limits
from qmpeer.conformance.servers.answers import is_event, same
from qmpeer.conformance.servers.verdicts import Mismatch
from qmpeer.wire import ClientReader

_KEPT: Final = 64 * 1024


class Log:
    """The bytes that went one way, as many as a report may show.

    Attributes:
        data: The bytes; of many, the beginning and the end.
    """

    def __init__(self) -> None:
        self.data: bytes = b""

    def add(self, data: bytes) -> None:
        """Add bytes; of too many, those in the middle are dropped."""
        whole = self.data + data
        self.data = whole if len(whole) <= _KEPT else whole[: _KEPT // 2] + whole[-_KEPT // 2 :]


class Connection:
    """One connection to the server under test.

    What ends it is no error here: then nothing more comes, and `is_closed` is true.

    Args:
        sock: A connected socket, which the connection closes.
        ping: A command without effect that the server has.
        echoes_ids: False if the server's replies don't have the ids of their commands.
        timeout: The seconds until a reply counts as missing.

    Attributes:
        sent: What was sent.
        received: What came.
        is_closed: True if the server has closed the connection.
        events: The events that came.
    """

    def __init__(self, sock: socket.socket, *, ping: str, echoes_ids: bool, timeout: float) -> None:
        self.socket: socket.socket = sock
        self.sent: Log = Log()
        self.received: Log = Log()
        self.is_closed: bool = False
        self.events: list[Any] = []
        self._ping = ping
        self._echoes_ids = echoes_ids
        self._timeout = timeout
        self._reader: ClientReader[Any] = ClientReader(msgspec.json.Decoder())
        self._messages: deque[Any] = deque()
        self._markers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self.socket.close()

    def forget(self) -> None:
        """Forget what was sent and what came so far: a report doesn't show it."""
        self.sent, self.received = Log(), Log()

    # Bytes

    def send(self, data: bytes) -> None:
        """Send bytes; if the server closes the connection meanwhile, the rest is dropped."""
        self.sent.add(data)
        try:
            self.socket.settimeout(max(self._timeout, len(data) / 10_000))
            self.socket.sendall(data)
        except OSError:
            pass  # its replies, if there are any, can still be read

    def send_each(self, *parts: bytes) -> None:
        """Send some parts, each in a write of its own that the server reads alone, if possible."""
        for part in parts:
            self._wait_read()
            self.send(part)

    def _wait_read(self) -> None:
        """Wait until the other end has read what was sent: Linux knows that of a unix socket."""
        until = monotonic() + limits.CONFORMANCE_GRACE
        unread = bytearray(4)
        with suppress(OSError):
            while monotonic() < until:
                fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, unread)
                if not any(unread):
                    break
                sleep(0.0005)

    def half_close(self) -> None:
        """End our direction."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    # Messages

    def receive(self, seconds: float | None = None) -> Any:
        """Return the next message, an event too; None if the time is over, or no more can come.

        A message is a JSON value, or the error of what isn't one.

        Args:
            seconds: The time to wait; None for the usual.
        """
        until = monotonic() + (self._timeout if seconds is None else seconds)
        while not self._messages and not self.is_closed and (left := until - monotonic()) > 0:
            self._read(left)
        return self._messages.popleft() if self._messages else None

    def _read(self, seconds: float) -> None:
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(limits.READ_SIZE)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            return
        self.received.add(data)
        self._messages.extend(self._reader.receive_data(data))
        while self._reader.is_busy:
            self._messages.extend(self._reader.resume())

    def reply(self, seconds: float | None = None) -> Any:
        """Return the next message that isn't an event; None as in `receive`."""
        until = monotonic() + (self._timeout if seconds is None else seconds)
        while is_event(message := self.receive(max(until - monotonic(), 0))):
            self.events.append(message)
        return message

    def replies(self, count: int, seconds: float | None = None) -> list[Any]:
        """Return so many messages that aren't events; fewer if the time for all is over."""
        until = monotonic() + (self._timeout if seconds is None else seconds)
        found: list[Any] = []
        while len(found) < count:
            message = self.reply(max(until - monotonic(), 0))
            if message is None:
                break
            found.append(message)
        return found

    def wait_closed(self) -> bool:
        """Wait until the server closes the connection; return False if it doesn't in time."""
        until = monotonic() + self._timeout
        while not self.is_closed and (left := until - monotonic()) > 0:
            self._read(left)
        return self.is_closed

    # Questions

    def ask(self, data: bytes, count: int = 1) -> list[Any]:
        """Send bytes, and return the replies to them, without events.

        A command without effect follows. Its reply shows that no further one comes, so there is no
        wait for silence.

        Args:
            data: The bytes.
            count: The number of replies that are expected, after which the command follows.

        Raises:
            Mismatch: If that command isn't answered.
        """
        self.send(data)
        found = self.replies(count, limits.CONFORMANCE_GRACE)
        return found + self.rest()

    def rest(self) -> list[Any]:
        """Return the replies that are still to come, as `ask` does.

        Raises:
            Mismatch: If the command that shows their end isn't answered.
        """
        self._markers += 1
        marker = f"marker-{self._markers}"
        self.send(f'{{"execute": "{self._ping}", "id": "{marker}"}}\n'.encode())
        if not self._echoes_ids:
            return self._until_silence()
        until = monotonic() + self._timeout
        found: list[Any] = []
        while (message := self.reply(max(until - monotonic(), 0))) is not None:
            if isinstance(message, dict) and same(message.get("id"), marker):
                return found
            found.append(message)
        raise Mismatch(f"a reply to the {self._ping} that follows", self.ending())

    def _until_silence(self) -> list[Any]:
        """Return the replies before the last one, which is that of the command sent last."""
        until = monotonic() + self._timeout
        found = self.replies(1)
        if not found:
            raise Mismatch(f"a reply to the {self._ping} that follows", self.ending())
        while monotonic() < until:
            message = self.reply(limits.CONFORMANCE_SILENCE)
            if message is None:
                break
            found.append(message)
        return found[:-1]

    def ending(self) -> str:
        """Describe why no more came."""
        if self.is_closed:
            return "the server closed the connection"
        return f"nothing within {self._timeout:g} s"
