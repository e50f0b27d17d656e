"""The byte FF, by which an end is made of what a guest agent, or its client, was sending before.

Both ends may send it. A reader answers it with an error, or passes it over with what stood before
it: half a reply of an agent that was restarted, half a command of the client before us.

Spec: QEMU, qga/qapi-schema.json, guest-sync-delimited, which is best sent behind such a byte.
"""

from typing import Final

from qmpeer.errors import QMPError, WireError
from qmpeer.messages import IncomingError
from qmpeer.values import UNSET, UnsetType

MARKER: Final = b"\xff"
_STRAY = "JSON parse error, stray '"
_ALONE = _STRAY + "\ufffd'"


def is_marker(error: QMPError) -> bool:
    """Return whether it is the byte alone that was no QMP."""
    return isinstance(error, WireError) and error.reason == _ALONE


def answers_marker(error: IncomingError | UnsetType) -> bool:
    """Return whether an error answers the byte, and so is no command's.

    It shows what the byte made an end of, such as a string of the client before us.
    """
    return error is not UNSET and error.desc.startswith(_STRAY) and error.desc.endswith("\ufffd'")
