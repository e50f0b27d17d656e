"""The protocol session of a new connection."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qmpeer.protocol import AgentSession, ClientSession

if TYPE_CHECKING:
    from qmpeer.client.recorder import Recorder


def new_session(
    peer: str,
    negotiate: bool,
    capabilities: Sequence[str] | None,
    max_in_flight: int | None,
    message_limit: int,
    recorder: "Recorder | None" = None,
) -> ClientSession[Any]:
    """Return a session whose ids begin at a random number; the arguments are `ClientSession`'s."""
    # The random first id keeps a reply that QEMU owed to the previous client from matching a
    # command of ours.
    make: Callable[..., ClientSession[Any]] = ClientSession if negotiate else AgentSession
    if recorder is not None:
        make = recorder.session_maker(negotiate)
    return make(
        negotiate=negotiate,
        capabilities=capabilities,
        max_in_flight=max_in_flight,
        message_limit=message_limit,
        first_id=int.from_bytes(os.urandom(2), "little"),
        peer=peer,
    )
