"""A client's messages: received ones decoded to structs, and commands to send.

msgspec decodes each message from its bytes to `Incoming`. A message that doesn't fit goes through
`parse_message` as a plain value, which finds out what is wrong.

Spec: qmp-spec, "Protocol Specification". Unknown members are ignored: newer servers may send more.
"""

from typing import Any

import msgspec

from qmpeer.errors import MessageError
from qmpeer.messages.types import Greeting, Timestamp, Version
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType


class IncomingError(msgspec.Struct):
    """The member "error" of a response."""

    desc: str = "the server didn't say why"
    error_class: str = msgspec.field(name="class", default="GenericError")


class Incoming(msgspec.Struct):
    """Any message of a server: one of event, return_value, error and greeting is set."""

    return_value: Any = msgspec.field(name="return", default=UNSET)
    id: Any = UNSET
    event: str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    timestamp: Timestamp | UnsetType = UNSET
    error: IncomingError | UnsetType = UNSET
    greeting: Any = msgspec.field(name="QMP", default=UNSET)


def parse_message(value: JsonValue) -> Incoming:
    """Convert a message that was decoded to a plain value.

    Raises:
        MessageError: If it isn't a message of a server.
    """
    if not isinstance(value, dict):
        raise MessageError(f"found {json_kind(value)} where a message must be an object")
    value = _without_nulls(value)
    if isinstance(error := value.get("error"), dict):
        value["error"] = _without_nulls(error)
    if "timestamp" in value:
        try:
            msgspec.convert(value["timestamp"], Timestamp)
        except msgspec.ValidationError:  # keep the event, drop the bad timestamp
            del value["timestamp"]
    try:
        return msgspec.convert(value, Incoming)
    except msgspec.ValidationError as error:
        raise MessageError(f"a message is malformed: {error}") from None


def _without_nulls(value: JsonObject) -> JsonObject:
    """Return a copy without null members: some servers write null for a missing member."""
    return {
        name: item for name, item in value.items() if item is not None or name in ("return", "id")
    }


def parse_greeting(value: Any) -> Greeting:
    """Convert the member "QMP" of a greeting.

    Capabilities that aren't strings are ignored. A malformed version gives None.

    Raises:
        MessageError: If the value isn't an object.
    """
    if not isinstance(value, dict):
        raise MessageError(f"found {json_kind(value)} where QMP must be an object", "QMP")
    try:
        version = msgspec.convert(value.get("version"), Version)
    except msgspec.ValidationError:
        version = None
    capabilities = value.get("capabilities")
    names = capabilities if isinstance(capabilities, list) else []
    return Greeting(version, tuple(name for name in names if isinstance(name, str)))


def command_message(
    name: str, arguments: JsonObject | None, id: JsonValue | UnsetType, is_oob: bool
) -> JsonObject:
    """Return a command as a JSON value; empty arguments are left out."""
    message: JsonObject = {"exec-oob" if is_oob else "execute": name}
    # QEMU treats empty and missing arguments alike, so the shorter text is sent.
    if arguments:
        message["arguments"] = arguments
    if id is not UNSET:
        message["id"] = id
    return message


_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
}


def json_kind(value: object) -> str:
    """Return the kind of a JSON value for an error message: "an object", "null"."""
    return _KINDS.get(type(value), "a number")
