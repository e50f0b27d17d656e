"""Messages as a client reads and writes them: bytes of a message in, its struct out, and commands.

`Incoming` is the form in which msgspec decodes each message straight from its bytes; what doesn't
fit it is looked at by `parse_message` as a plain value, which says what is wrong.

Spec: qmp-spec, "Protocol Specification". Members that are not in it are passed over: newer servers
may send more.
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
    """Any message of a server: its event, return_value, error or greeting is set."""

    return_value: Any = msgspec.field(name="return", default=UNSET)
    id: Any = UNSET
    event: str | UnsetType = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    timestamp: Timestamp | UnsetType = UNSET
    error: IncomingError | UnsetType = UNSET
    greeting: Any = msgspec.field(name="QMP", default=UNSET)


def parse_message(value: JsonValue) -> Incoming:
    """Read a message that was decoded to a plain value.

    Raises:
        MessageError: If it is none of a server's messages.
    """
    if not isinstance(value, dict):
        raise MessageError(f"found {json_kind(value)} where a message must be an object")
    value = _without_nulls(value)
    if isinstance(error := value.get("error"), dict):
        value["error"] = _without_nulls(error)
    if "timestamp" in value:
        try:
            msgspec.convert(value["timestamp"], Timestamp)
        except msgspec.ValidationError:  # an event is worth more than its stamp
            del value["timestamp"]
    try:
        return msgspec.convert(value, Incoming)
    except msgspec.ValidationError as error:
        raise MessageError(f"a message is malformed: {error}") from None


def _without_nulls(value: JsonObject) -> JsonObject:
    """Return a copy without the members that are null, as others write what isn't there."""
    return {
        name: item for name, item in value.items() if item is not None or name in ("return", "id")
    }


def parse_greeting(value: Any) -> Greeting:
    """Read the member "QMP" of a greeting.

    Capabilities that aren't text are passed over. A version that isn't one gives None.

    Raises:
        MessageError: If it isn't an object.
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
    """Return a command as a JSON value; arguments that are empty are left out."""
    message: JsonObject = {"exec-oob" if is_oob else "execute": name}
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
    """Return what kind of JSON value one is, for an error: "an object", "null"."""
    return _KINDS.get(type(value), "a number")
