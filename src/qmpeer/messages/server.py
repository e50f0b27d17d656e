"""A server's messages: commands parsed from JSON values, and responses to send.

Spec: qmp-spec, "Issuing Commands", "Commands Responses", "Asynchronous events"; the order of checks
and the texts are QEMU's, measured on QEMU 7.2.
"""

from typing import Any

from qmpeer.errors import MessageError
from qmpeer.messages.id_echo import echoed
from qmpeer.messages.qemu_order import in_qemu_order
from qmpeer.messages.types import CommandMessage, Timestamp, Version
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType

_PLAIN = frozenset((int, str, type(UNSET)))


def parse_command(value: Any, is_oob_enabled: bool) -> CommandMessage:
    """Parse one command.

    Args:
        value: The value that the client sent.
        is_oob_enabled: True if out-of-band execution was negotiated.

    Raises:
        MessageError: In QEMU's words. Its ``member`` is the wrong member. The error's response
            still echoes the id, except if the value isn't an object.
    """
    if type(value) is not dict:
        raise MessageError("QMP input must be a JSON object")
    # The fast path: a well-formed command needs no walk in QEMU's order.
    name, arguments, id = value.get("execute"), value.get("arguments"), value.get("id", UNSET)
    has_others = len(value) != 1 + (arguments is not None) + (id is not UNSET)
    if type(name) is str and not has_others and (arguments is None or type(arguments) is dict):
        return CommandMessage(name, arguments, id if type(id) in _PLAIN else echoed(id))
    return _parse_carefully(value, is_oob_enabled)


def _parse_carefully(value: JsonObject, is_oob_enabled: bool) -> CommandMessage:
    """Check the members in QEMU's order; the first wrong one is reported."""
    verb = None
    for member in in_qemu_order(value):
        if member == "execute" or (member == "exec-oob" and is_oob_enabled):
            if type(value[member]) is not str:
                raise MessageError(f"QMP input member '{member}' must be a string", member)
            if verb is not None:
                raise MessageError(f"QMP input member '{member}' clashes with '{verb}'", member)
            verb = member
        elif member == "arguments":
            if type(value[member]) is not dict:
                raise MessageError("QMP input member 'arguments' must be an object", member)
        elif member != "id":
            raise MessageError(f"QMP input member '{member}' is unexpected", member)
    if verb is None:
        raise MessageError("QMP input lacks member 'execute'", "execute")
    name, arguments = value[verb], value.get("arguments")
    assert isinstance(name, str)
    assert arguments is None or isinstance(arguments, dict)
    return CommandMessage(name, arguments, echoed(value.get("id", UNSET)), verb == "exec-oob")


def is_out_of_band(value: Any) -> bool:
    """Return whether a request is executed out of band, if that is enabled."""
    return type(value) is dict and "exec-oob" in value and "execute" not in value


def version_value(version: Version) -> JsonObject:
    """Return a version as in query-version and in the greeting."""
    qemu = version.qemu
    triple: JsonObject = {"micro": qemu.micro, "minor": qemu.minor, "major": qemu.major}
    return {"qemu": triple, "package": version.package}


def greeting_message(version: Version, capabilities: tuple[str, ...]) -> JsonObject:
    """Return the greeting as a JSON value."""
    offered: list[JsonValue] = list(capabilities)
    return {"QMP": {"version": version_value(version), "capabilities": offered}}


def return_message(value: JsonValue, id: JsonValue | UnsetType) -> JsonObject:
    """Return a success response as a JSON value; as in QEMU, the id follows the value."""
    if id is UNSET:
        return {"return": value}
    return {"return": value, "id": id}


def error_message(error_class: str, desc: str, id: JsonValue | UnsetType) -> JsonObject:
    """Return an error response as a JSON value."""
    return error_response({"class": error_class, "desc": desc}, id)


def error_response(error: JsonObject, id: JsonValue | UnsetType) -> JsonObject:
    """Return an error response with a whole error; as in QEMU, the id precedes the error."""
    if id is UNSET:
        return {"error": error}
    return {"id": id, "error": error}


def event_message(name: str, data: JsonObject | None, timestamp: Timestamp | None) -> JsonObject:
    """Return an event as a JSON value; data and timestamp are left out if they are None."""
    message: JsonObject = {}
    if timestamp is not None:
        message["timestamp"] = {
            "seconds": timestamp.seconds,
            "microseconds": timestamp.microseconds,
        }
    message["event"] = name
    if data is not None:
        message["data"] = data
    return message
