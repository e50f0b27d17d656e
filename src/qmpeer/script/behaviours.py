"""The base of ready behaviours: rules that a script can build on, and what they do later.

A behaviour answers with functions that run in the server's thread, and keeps its state in the
object. Rules of the script go before those of behaviours.
"""

import asyncio
from collections.abc import Callable, Sized
from typing import Any, Protocol

from qmpeer import limits
from qmpeer.errors import CommandError, ScriptError
from qmpeer.replay.report import ReportedCommand
from qmpeer.script.calls import Call
from qmpeer.script.mismatches import Kind, Mismatch
from qmpeer.script.places import calling_place
from qmpeer.script.script import Script
from qmpeer.values import JsonObject, JsonValue


class Host(Protocol):
    """The server of a behaviour."""

    script: Script

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event to all clients."""

    def disconnect(self) -> None:
        """Disconnect every client."""


class Behaviour:
    """A part of a server's behaviour.

    Args:
        host: The server.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._place = str(calling_place())

    def answer(self, command: str, function: Callable[[Call], Any]) -> None:
        """Answer a command with what a function returns; see `Rule.call`."""
        if self._host.script.checks.command(command) is None:  # other releases lack some
            self._host.script.ready_rule(command).call(function)

    def emit(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event, without the members that the schema's release lacks."""
        try:
            known = self._host.script.checks.known_event(name, data or {})
            self._host.emit(name, known or None)
        except ScriptError as error:
            command = ReportedCommand(name, data or {}, self._place)
            self._host.script.add(Mismatch(Kind.DRIFT, command, note=error.reason))

    def known(self, command: str, value: JsonValue) -> JsonValue:
        """Return a command's value without the members that the schema's release lacks."""
        return self._host.script.checks.known_reply(command, value)

    def later(self, seconds: float, function: Callable[[], object]) -> asyncio.TimerHandle:
        """Call a function after some time; at once means after the reply to the current command."""
        return asyncio.get_running_loop().call_later(seconds, function)


def check_room(things: Sized) -> None:
    """Check that a behaviour may keep one thing more.

    Raises:
        CommandError: If it has `limits.SCRIPT_THINGS` already.
    """
    if len(things) >= limits.SCRIPT_THINGS:
        desc = f"found {limits.SCRIPT_THINGS} things, expected fewer"
        raise CommandError("GenericError", desc)


def text_argument(call: Call, name: str) -> str:
    """Return an argument that is a text; "" if it is missing or something else."""
    value = call.arguments.get(name)
    return value if isinstance(value, str) else ""
