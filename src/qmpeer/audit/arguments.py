"""A command's arguments as they are recorded: secrets blanked, long ones replaced by a digest."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.audit.records import recorded_text
from qmpeer.messages import CommandMessage, Scrubber, redact_keys
from qmpeer.values import JsonObject
from qmpeer.wire import encode_compact

_encode: Final = msgspec.json.Encoder().encode
_UNFIT: Final = (OverflowError, RecursionError, ValueError)
"""The exceptions of msgspec for large integers, deep nesting and lone surrogates."""


class ArgumentText:
    """Arguments as JSON, and the secrets among them, which are blanked in errors as well.

    Looking for secrets takes 10 to 30 microseconds, so short arguments without any are remembered.
    """

    __slots__ = ("_harmless", "_scrubber")

    def __init__(self) -> None:
        self._scrubber = Scrubber()
        self._harmless: set[tuple[str, bytes]] = set()

    def of(self, command: CommandMessage, most: int = limits.AUDIT_ARGUMENTS) -> tuple[bytes, bool]:
        """Return a command's arguments, and True if they are cut; b"" if there are none.

        Cut arguments are an object with the length of the JSON text and its BLAKE2b digest, in
        hexadecimal, both of the blanked text.

        Args:
            command: The command.
            most: The bytes that aren't cut.
        """
        arguments, name = command.arguments, command.name
        if not arguments:
            return b"", False
        arguments = redact_keys(name, arguments)
        text = _json(arguments)
        is_short = len(text) <= limits.AUDIT_REMEMBERED_SIZE
        if is_short and (name, text) in self._harmless:
            return text, False
        blanked = self._scrubber.arguments(name, arguments)
        if blanked is not arguments:
            assert blanked is not None
            text = _json(blanked)
        elif is_short and len(name) <= limits.AUDIT_REMEMBERED_SIZE:
            if len(self._harmless) >= limits.AUDIT_REMEMBERED:
                self._harmless.clear()
            self._harmless.add((name, text))
        if len(text) <= most:
            return text, False
        digest = hashlib.blake2b(text, digest_size=20).hexdigest()
        return _json({"bytes": len(text), "blake2b": digest}), True

    def facts(self, facts: Mapping[str, Any]) -> JsonObject:
        """Return facts as they are recorded; a CommandMessage, a denied one, in few bytes."""
        recorded: JsonObject = {}
        for name, value in facts.items():
            if isinstance(value, CommandMessage):
                recorded[name] = recorded_text(value.name, limits.AUDIT_DENIED_NAME)
                text, is_cut = self.of(value, limits.AUDIT_DENIED_ARGUMENTS)
                if text:
                    recorded["arguments"] = msgspec.json.decode(text)
                if is_cut:
                    recorded["cut"] = True
            elif isinstance(value, str):
                recorded[name] = recorded_text(self.scrubbed(value))
            else:
                recorded[name] = value
        return recorded

    def scrubbed(self, text: str) -> str:
        """Return an error's text without the secrets of recent commands."""
        return self._scrubber.text(text)


def _json(value: JsonObject) -> bytes:
    try:
        return _encode(value)
    except _UNFIT:
        return encode_compact(value)
