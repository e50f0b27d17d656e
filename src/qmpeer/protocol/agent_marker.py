"""The marker byte FF, which ends whatever a guest agent or its client was sending before.

Both ends may send it. The reader answers it with an error, or skips it together with the bytes
before it: half a reply of an agent that was restarted, or half a command of the previous client.

Spec: QEMU, qga/qapi-schema.json: guest-sync-delimited is best sent behind this byte.
"""

from typing import Final

from qmpeer.errors import QMPError, WireError
from qmpeer.messages import IncomingError
from qmpeer.values import UNSET, UnsetType

MARKER: Final = b"\xff"
_STRAY = "JSON parse error, stray '"
_ALONE = _STRAY + "\ufffd'"


def is_marker(error: QMPError) -> bool:
    """Return whether an error is about the marker byte alone."""
    return isinstance(error, WireError) and error.reason == _ALONE


def answers_marker(error: IncomingError | UnsetType) -> bool:
    """Return whether an error answers the marker byte rather than a command.

    Such an error quotes what the byte has ended, such as half a string of the previous client.
    """
    return error is not UNSET and error.desc.startswith(_STRAY) and error.desc.endswith("\ufffd'")
