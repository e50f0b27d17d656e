"""An event on standard output."""

from qmpeer.cli.output import write_json
from qmpeer.messages import Event, event_message


def write_event(event: Event, *, is_pretty: bool | None = False) -> None:
    """Write an event as JSON, as a server sends it; further as `write_json`."""
    # None for empty data: QEMU leaves the member out, and so does this line.
    message = event_message(event.name, event.data or None, event.timestamp)
    write_json(message, is_pretty=is_pretty)
