"""The schema of a running monitor: its own answer."""

from qmpeer.client import Client
from qmpeer.errors import CommandError
from qmpeer.values import JsonValue

__all__ = ["ask"]


def ask(address: str, timeout: float | None) -> JsonValue:
    """Ask a monitor for its introspection.

    Raises:
        OSError: If it can't be reached, or doesn't answer in time.
        QMPError: If it leaves.
        CommandError: If it has no query-qmp-schema.
        ValueError: If the address isn't one.
    """
    with Client.connect(
        address, timeout=timeout, command_timeout=timeout, capabilities=()
    ) as client:
        try:
            answer: JsonValue = client.execute("query-qmp-schema")
        except CommandError as error:
            if error.error_class != "CommandNotFound":
                raise
            desc = f"{address} has no query-qmp-schema; QEMU has it since 2.5"
            raise CommandError(error.error_class, desc, error.command, error.id) from None
    return answer
