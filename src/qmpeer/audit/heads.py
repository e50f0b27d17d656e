"""The head of a log's chain, sent to a place outside, where who changes the log can't change it."""

import errno
import os
import re
import socket
from collections.abc import Iterable
from typing import Final, Protocol

from qmpeer import limits
from qmpeer.audit.chain import SIZE

DEV_LOG: Final = "/dev/log"
JOURNAL: Final = "/run/systemd/journal/socket"
HEAD: Final = re.compile(rf"(\d{{1,18}}):([0-9a-f]{{{SIZE}}})", re.ASCII)
"""The number of a record, and its mac."""
_TEXT: Final = re.compile(rf"audit head {HEAD.pattern} of log ([0-9a-f]{{16}})\b", re.ASCII)
_IDENTIFIER: Final = "qmpeer"
_SYSLOG: Final = 10 * 8 + 5  # facility authpriv, severity notice


class Head(Protocol):
    """A place to which heads are sent."""

    def send(self, text: str) -> None:
        """Send a head, without waiting.

        Raises:
            OSError: If it can't be sent now.
        """

    def close(self) -> None:
        """Close it."""


def head_text(number: int, mac: str, log: str) -> str:
    """Return a head as text; `Heads.read` finds it in a file of others.

    Args:
        number: The number of the last record.
        mac: Its mac.
        log: The log's id.
    """
    return f"audit head {number}:{mac} of log {log}"


class Heads:
    """The heads of one log that are known from elsewhere.

    Args:
        log: The log's id.

    Attributes:
        macs: The mac by the number of the record; "" if different ones were sent for a number.
    """

    def __init__(self, log: str) -> None:
        self.macs: dict[int, str] = {}
        self._log = log

    def add(self, number: int, mac: str) -> None:
        """Add a head."""
        self.macs[number] = mac if self.macs.get(number, mac) == mac else ""
        if len(self.macs) > limits.AUDIT_HEADS:
            del self.macs[next(iter(self.macs))]

    def read(self, lines: Iterable[str]) -> None:
        """Add the heads of this log in the lines of any text, such as a system's log."""
        for line in lines:
            if "audit head " in line:
                for found in _TEXT.finditer(line):
                    if found[3] == self._log:
                        self.add(int(found[1]), found[2])


class _Datagrams:
    """A unix datagram socket that never blocks, and that connects again when it has to."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None

    def _send_bytes(self, data: bytes) -> None:
        is_new = self._socket is None
        try:
            self._connected().send(data)
        except OSError as error:
            self.close()
            # A logger that was restarted has a new socket at the same path.
            if is_new or error.errno not in (errno.ECONNREFUSED, errno.ENOTCONN, errno.EPIPE):
                raise
            self._connected().send(data)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            try:
                sock.connect(self._path)
            except BaseException:
                sock.close()
                raise
            self._socket = sock
        return self._socket

    def close(self) -> None:
        """Close the socket."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


class SyslogHead(_Datagrams):
    """The system's log, facility authpriv.

    Spec: RFC 3164, as /dev/log takes it.
    """

    def __init__(self, path: str = DEV_LOG) -> None:
        super().__init__(path)

    def send(self, text: str) -> None:
        """See `Head`."""
        self._send_bytes(f"<{_SYSLOG}>{_IDENTIFIER}[{os.getpid()}]: {text}".encode())


class JournalHead(_Datagrams):
    """systemd's journal.

    Spec: systemd, "Native Journal Protocol".
    """

    def __init__(self, path: str = JOURNAL) -> None:
        super().__init__(path)

    def send(self, text: str) -> None:
        """See `Head`."""
        fields = (
            "PRIORITY=5",
            "SYSLOG_FACILITY=10",
            f"SYSLOG_IDENTIFIER={_IDENTIFIER}",
            f"MESSAGE={text}",
        )
        self._send_bytes("".join(f"{each}\n" for each in fields).encode())


class FileHead:
    """A file to which heads are appended, such as one on another machine or an append-only one.

    [A file system that hangs holds up the proxy: give it a local one.]

    Raises:
        OSError: If it can't be opened.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def send(self, text: str) -> None:
        """See `Head`."""
        data = f"{text}\n".encode()
        if (written := os.write(self._fd, data)) < len(data):
            os.write(self._fd, data[written:])

    def close(self) -> None:
        """See `Head`."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def head_at(place: str) -> Head:
    """Return the place that a policy file names: "syslog", "journal", or the path of a file.

    Raises:
        OSError: If the file can't be opened.
    """
    match place:
        case "syslog":
            return SyslogHead()
        case "journal":
            return JournalHead()
    return FileHead(place)
