"""The proxy's own errors, as they stand on the wire. Whether a command was sent is always said."""

from qmpeer.proxy.request import Request
from qmpeer.values import JsonObject


def generic_error(desc: str) -> JsonObject:
    """Return an error of the class that QEMU uses for nearly everything."""
    return {"class": "GenericError", "desc": desc}


def too_late(request: Request, seconds: float, has_server: bool) -> JsonObject:
    """Return the error for a request that isn't answered by its deadline."""
    name = request.command.name
    if request.is_sent:
        return generic_error(
            f"The server hasn't answered {name} in {seconds:g} s; the outcome is unknown"
        )
    if not has_server:
        return generic_error(
            f"{name} wasn't sent in {seconds:g} s: there is no connection to the server"
        )
    return generic_error(
        f"{name} wasn't sent to the server: it has been busy with earlier commands for "
        f"{seconds:g} s"
    )


def server_lost(request: Request, reason: str) -> JsonObject:
    """Return the error for a request that was open when the connection to the server ended."""
    name = request.command.name
    if request.is_sent:
        return generic_error(
            f"The connection to the server has ended, so the outcome of {name} is unknown: {reason}"
        )
    return generic_error(f"{name} wasn't sent: the connection to the server has ended: {reason}")


def not_sent(request: Request, reason: str) -> JsonObject:
    """Return the error for a request that can't be sent."""
    return generic_error(f"{request.command.name} can't be sent to the server: {reason}")
