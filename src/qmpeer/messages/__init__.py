"""QMP messages as JSON values and structs: greeting, command, response, event.

Names that a client doesn't need for its first reply are imported on first use.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.messages.client import (
    Incoming,
    IncomingError,
    command_message,
    parse_greeting,
    parse_message,
)
from qmpeer.messages.strangers import found_instead, look_of, shown, shown_text
from qmpeer.messages.types import (
    CAPABILITIES,
    CAPABILITIES_COMMAND,
    CommandMessage,
    Event,
    Greeting,
    QemuVersion,
    Timestamp,
    Version,
)

if TYPE_CHECKING:
    from qmpeer.messages.id_echo import echoed
    from qmpeer.messages.qemu_order import unexpected_member
    from qmpeer.messages.redaction import (
        REDACTED,
        Scrubber,
        redact_arguments,
        redact_human_line,
        redact_keys,
        redact_message,
        redact_urls,
    )
    from qmpeer.messages.secret_names import TYPING
    from qmpeer.messages.server import (
        error_message,
        error_response,
        event_message,
        greeting_message,
        is_out_of_band,
        parse_command,
        return_message,
        version_value,
    )
    from qmpeer.messages.similar_names import near_names

__all__ = [
    "CAPABILITIES",
    "CAPABILITIES_COMMAND",
    "REDACTED",
    "TYPING",
    "CommandMessage",
    "Event",
    "Greeting",
    "Incoming",
    "IncomingError",
    "QemuVersion",
    "Scrubber",
    "Timestamp",
    "Version",
    "command_message",
    "echoed",
    "error_message",
    "error_response",
    "event_message",
    "found_instead",
    "greeting_message",
    "is_out_of_band",
    "look_of",
    "near_names",
    "parse_command",
    "parse_greeting",
    "parse_message",
    "redact_arguments",
    "redact_human_line",
    "redact_keys",
    "redact_message",
    "redact_urls",
    "return_message",
    "shown",
    "shown_text",
    "unexpected_member",
    "version_value",
]

_HOMES = {
    "REDACTED": "qmpeer.messages.redaction",
    "Scrubber": "qmpeer.messages.redaction",
    "TYPING": "qmpeer.messages.secret_names",
    "echoed": "qmpeer.messages.id_echo",
    "error_message": "qmpeer.messages.server",
    "error_response": "qmpeer.messages.server",
    "event_message": "qmpeer.messages.server",
    "greeting_message": "qmpeer.messages.server",
    "is_out_of_band": "qmpeer.messages.server",
    "near_names": "qmpeer.messages.similar_names",
    "parse_command": "qmpeer.messages.server",
    "redact_arguments": "qmpeer.messages.redaction",
    "redact_human_line": "qmpeer.messages.redaction",
    "redact_keys": "qmpeer.messages.redaction",
    "redact_message": "qmpeer.messages.redaction",
    "redact_urls": "qmpeer.messages.redaction",
    "return_message": "qmpeer.messages.server",
    "unexpected_member": "qmpeer.messages.qemu_order",
    "version_value": "qmpeer.messages.server",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
