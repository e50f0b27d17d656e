"""The schema of a running monitor, as it answers query-qmp-schema."""

import socket

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.errors import CommandError, QMPError, SchemaSyntaxError
from qmpeer.transport import dial
from qmpeer.transport.filtered_socket import FilteredSocket
from qmpeer.values import JsonValue


def ask(address: str, timeout: float | None) -> JsonValue:
    """Ask a monitor for its introspection.

    Raises:
        SchemaSyntaxError: If there is no end to what it sends.
        OSError: If it can't be reached, or doesn't answer in time.
        QMPError: If it leaves.
        CommandError: If it has no query-qmp-schema.
        ValueError: If the address isn't one.
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
    with Client.connect(sock, timeout=timeout, command_timeout=timeout, capabilities=()) as client:
        answer: JsonValue = client.execute("query-qmp-schema")
    return answer


def _bounded(sock: socket.socket) -> "_BoundedSocket | FilteredSocket":
    bounded = sock if isinstance(sock, FilteredSocket) else _BoundedSocket(fileno=sock.detach())
    bounded.most = limits.SCHEMA_SIZE
    return bounded


class _BoundedSocket(socket.socket):
    """A socket that receives no more than a schema can have.

    A reply of any other command may be far longer.

    Attributes:
        most: How many bytes may come yet.
    """

    most: int

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self.most -= len(data)
        if self.most < 0:
            raise OSError("more came than a schema can have")
        return data
