"""The schema of a running monitor: its own answer."""

import socket

from qmpeer import limits
from qmpeer.client import Client
from qmpeer.errors import CommandError, QMPError, SchemaSyntaxError
from qmpeer.transport import dial
from qmpeer.values import JsonValue

__all__ = ["ask"]


def ask(address: str, timeout: float | None) -> JsonValue:
    """Ask a monitor for its introspection.

    Raises:
        SchemaSyntaxError: If there is no end to what it sends.
        OSError: If it can't be reached, or doesn't answer in time.
        QMPError: If it leaves.
        CommandError: If it has no query-qmp-schema.
        ValueError: If the address isn't one.
    """
    with _BoundedSocket(fileno=dial(address, timeout=timeout).detach()) as sock:
        try:
            return _answer(sock, timeout)
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
            desc = f"{address} has no query-qmp-schema; QEMU has it since 2.5"
            raise CommandError(error.error_class, desc, error.command, error.id) from None
        except QMPError as error:
            if sock.received <= limits.SCHEMA_SIZE:
                raise
            reason = f"{address} sends too much: at most {limits.SCHEMA_SIZE} bytes are read"
            raise SchemaSyntaxError(reason) from error


def _answer(sock: socket.socket, timeout: float | None) -> JsonValue:
    with Client.connect(sock, timeout=timeout, command_timeout=timeout, capabilities=()) as client:
        answer: JsonValue = client.execute("query-qmp-schema")
    return answer


class _BoundedSocket(socket.socket):
    """Receive no more than a schema can have: a reply of any other command may be far longer."""

    received = 0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        self.received += len(data)
        if self.received > limits.SCHEMA_SIZE:
            raise OSError("more came than a schema can have")
        return data
