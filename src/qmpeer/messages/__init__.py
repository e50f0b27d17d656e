"""Values and messages: greeting, command, response, event."""

from qmpeer.messages.client import (
    Incoming,
    IncomingError,
    command_message,
    parse_greeting,
    parse_message,
)
from qmpeer.messages.echo import echoed
from qmpeer.messages.redaction import (
    REDACTED,
    Scrubber,
    redact_arguments,
    redact_human_line,
    redact_message,
    redact_urls,
)
from qmpeer.messages.server import (
    error_message,
    event_message,
    greeting_message,
    is_out_of_band,
    parse_command,
    return_message,
    version_value,
)
from qmpeer.messages.strangers import found_instead, look_of, shown, shown_text
from qmpeer.messages.types import (
    CAPABILITIES_COMMAND,
    Command,
    Event,
    Greeting,
    QemuVersion,
    Timestamp,
    Version,
)
from qmpeer.messages.unexpected import unexpected_member

__all__ = [
    "CAPABILITIES_COMMAND",
    "REDACTED",
    "Command",
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
    "event_message",
    "found_instead",
    "greeting_message",
    "is_out_of_band",
    "look_of",
    "parse_command",
    "parse_greeting",
    "parse_message",
    "redact_arguments",
    "redact_human_line",
    "redact_message",
    "redact_urls",
    "return_message",
    "shown",
    "shown_text",
    "unexpected_member",
    "version_value",
]
