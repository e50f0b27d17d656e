"""The log of the commands that a program's clients have sent, without secrets."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from qmpeer import limits
from qmpeer.messages import redact_arguments
from qmpeer.values import JsonObject
from qmpeer.wire import encode_compact

if TYPE_CHECKING:
    from qmpeer.faults.conversation import Command


class CallLog:
    """The last `limits.CONTROL_CALLS` commands of all clients.

    A call is a JSON object: its ``number``, from 1; the number of its ``connection``; the
    ``command`` and its ``arguments``, where long ones are cut and stand under the name "…"; its
    ``id``, if it has one; ``oob``, if it is to be executed out of band; and the ``timestamp`` at
    which it came.

    Args:
        clock: Returns the time, in seconds since 1970.

    Example:
        >>> from qmpeer.faults.conversation import Command
        >>> log = CallLog(clock=lambda: 1700000000.5)
        >>> log.add(1, Command("set_password", {"password": "hush"}, b"7"))["arguments"]
        {'password': '<redacted>'}
        >>> [call["id"] for call in log.calls(command="set_password")]
        [7]
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._calls: deque[JsonObject] = deque(maxlen=limits.CONTROL_CALLS)
        self._last = 0

    def add(self, connection: int, command: "Command") -> JsonObject:
        """Log a command, and return it as a call."""
        self._last += 1
        seconds, fraction = divmod(self._clock(), 1)
        call: JsonObject = {
            "number": self._last,
            "connection": connection,
            "command": command.name[: limits.CONTROL_SHOWN],
            "arguments": _kept(redact_arguments(command.name, command.arguments) or {}),
        }
        if command.id is not None and len(command.id) <= limits.CONTROL_ARGUMENTS:
            call["id"] = msgspec.json.decode(command.id)
        if command.is_oob:
            call["oob"] = True
        call["timestamp"] = {"seconds": int(seconds), "microseconds": int(fraction * 1e6)}
        self._calls.append(call)
        return call

    def calls(self, since: int = 0, command: str | None = None) -> Iterator[JsonObject]:
        """Give the calls behind a number, in order, all or those of a command."""
        for call in self._calls:
            if int(str(call["number"])) > since and command in (None, call["command"]):
                yield call

    def clear(self) -> None:
        """Forget all calls; numbers go on."""
        self._calls.clear()


def _kept(arguments: JsonObject) -> JsonObject:
    text = encode_compact(arguments)
    if len(text) <= limits.CONTROL_ARGUMENTS:
        return arguments
    return {"…": text[: limits.CONTROL_SHOWN].decode("utf-8", "replace")}
