"""The schema of a running monitor, read by query-qmp-schema."""

import socket

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.errors import CommandError, QMPError, SchemaSyntaxError
from qmpeer.transport import dial
from qmpeer.transport.filtered_socket import FilteredSocket
from qmpeer.values import JsonValue


def ask(address: str, timeout: float | None) -> JsonValue:
    """Return a monitor's answer to query-qmp-schema.

    Raises:
        SchemaSyntaxError: If the monitor sends more than a schema can have.
        OSError: If the monitor can't be reached, or doesn't answer in time.
        QMPError: If the monitor closes the connection.
        CommandError: If the monitor has no query-qmp-schema.
        ValueError: If the address is malformed.
    """
    with _bounded(dial(address, timeout=timeout)) as sock:
        try:
            return _answer(sock, timeout)
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
            desc = f"{address} has no query-qmp-schema; QEMU has it since 2.5"
            raise CommandError(error.error_class, desc, error.command, error.id) from None
        except QMPError as error:
            if sock.most is None or sock.most >= 0:
                raise
            reason = f"{address} sends too much: at most {limits.SCHEMA_SIZE} bytes are read"
            raise SchemaSyntaxError(reason) from error


def _answer(sock: socket.socket, timeout: float | None) -> JsonValue:
    # One command needs no out-of-band execution.
    with Client.connect(sock, timeout=timeout, command_timeout=timeout, capabilities=()) as client:
        answer: JsonValue = client.execute("query-qmp-schema")
    return answer


def _bounded(sock: socket.socket) -> "_BoundedSocket | FilteredSocket":
    bounded = sock if isinstance(sock, FilteredSocket) else _BoundedSocket(fileno=sock.detach())
    bounded.most = limits.SCHEMA_SIZE
    return bounded


class _BoundedSocket(socket.socket):
    """A socket that receives no more bytes than a schema can have.

    The client's own limit is larger, because other replies may be far longer.

    Attributes:
        most: The number of bytes that may still come.
    """

    most: int

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self.most -= len(data)
        if self.most < 0:
            raise OSError("more came than a schema can have")
        return data
