"""All errors of qmpeer, as one tree.

::

  QMPError
    WireError             bytes are not QMP's JSON            .position .reason
    LimitError            a limit was passed                  .limit .value
    MessageError          JSON, but not a QMP message         .member .reason
    ProtocolError         right message, wrong time
      LocalProtocolError  we asked for it
      RemoteProtocolError the peer did it
    NegotiationError      the peer refused our capabilities   .requested .offered
    CommandError          the peer answered {"error": …}      .error_class .desc .command .id
      AnswerError         the answer has the wrong type       .found .expected
      CompletionError     an accepted command that then failed  .event .data
      ConflictError       another thing of that id exists     .kind .thing .differences
      JobError            a job that started, then failed     .job .is_cancelled .is_stopped
      MigrationError      a migration that did so             .status
    CommandInterrupted    the connection ended first; outcome unknown   .command .id
    ConnectionClosed      no more will come                   .reason
    ChardevError          a character device doesn't open     .reason .hint .earlier
    KeyboardError         keys can't be pressed as asked      .reason
      LayoutError         a layout isn't available            .layout
      KeyNameError        a key's name is unknown             .keys
      UntypableError      a layout lacks a character          .layout .characters
    FaultError            a fault to inject can't be          .reason .hint .place
    HumanLineError        a human monitor's line isn't read
                          alike by all releases               .reason
    PolicyError           a policy can't be                   .reason .place .others
    ScriptError           a script can't be                   .reason .place
    ScriptMismatch        a script and what happened differ   .mismatches
    SchemaError           a schema is wrong                   .location .reason .definition
      SchemaSyntaxError   it can't be read
      SchemaSemanticError it can be read, but breaks QAPI's rules
    TranscriptError       a transcript is wrong               .name .line .reason
    ValidationError       a value doesn't fit a schema type   .path .expected .found
    AuditError            something can't be recorded         .path .reason

Before the greeting an ``OSError`` is raised unwrapped. Our own deadlines raise ``TimeoutError``.
Once connected, a program needs to catch at most ``CommandError``, ``CommandInterrupted``,
``ConnectionClosed`` and ``TimeoutError``.

[Long on purpose: the whole tree is in one place.]
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

__all__ = [
    "AnswerError",
    "AuditError",
    "ChardevError",
    "CommandError",
    "CommandInterrupted",
    "CompletionError",
    "ConflictError",
    "ConnectionClosed",
    "FaultError",
    "HumanLineError",
    "JobError",
    "KeyNameError",
    "KeyboardError",
    "LayoutError",
    "LimitError",
    "LocalProtocolError",
    "Location",
    "MessageError",
    "MigrationError",
    "NegotiationError",
    "PolicyError",
    "ProtocolError",
    "QMPError",
    "RemoteProtocolError",
    "SchemaError",
    "SchemaSemanticError",
    "SchemaSyntaxError",
    "ScriptError",
    "ScriptMismatch",
    "TranscriptError",
    "UntypableCharacter",
    "UntypableError",
    "ValidationError",
    "WireError",
]

_SHOWN = 100
"""Characters of a long line shown on each side of an error."""
_MEMBERS = 8
"""Members of an object, or items of a list, that an error shows."""
_LONGEST = 1000
"""Characters of a message about a schema. A name in a schema may be as long as the whole file."""


class QMPError(Exception):
    """Base class of all errors that qmpeer defines. Deadlines raise `TimeoutError` instead."""


class WireError(QMPError):
    """Bytes that are not QMP's JSON.

    Attributes:
        position: Bytes of the stream read when the error was found; -1 if unknown.
        reason: What was found and what was expected, in QEMU's words.
    """

    def __init__(self, reason: str, position: int = -1) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        return self.reason


class LimitError(QMPError):
    """A limit was exceeded.

    Attributes:
        limit: The name of the limit in `qmpeer.limits`, or QEMU's words for it.
        value: The limit's value.
    """

    def __init__(self, reason: str, limit: str, value: float) -> None:
        super().__init__(reason, limit, value)
        self.reason = reason
        self.limit = limit
        self.value = value

    def __str__(self) -> str:
        return self.reason


class MessageError(QMPError):
    """A JSON value that is not a QMP message.

    Attributes:
        member: The wrong member, or None if the whole value is wrong.
        reason: What was found and what was expected, in QEMU's words.
    """

    def __init__(self, reason: str, member: str | None = None) -> None:
        super().__init__(reason, member)
        self.reason = reason
        self.member = member

    def __str__(self) -> str:
        return self.reason


class ProtocolError(QMPError):
    """A valid message at the wrong time."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something that the connection's phase doesn't allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the connection's phase doesn't allow."""


class NegotiationError(QMPError):
    """The peer's refusal of our capabilities.

    Attributes:
        requested: The capabilities that we asked for.
        offered: The capabilities in its greeting.
        reason: The peer's own words.
    """

    def __init__(self, requested: tuple[str, ...], offered: tuple[str, ...], reason: str) -> None:
        super().__init__(requested, offered, reason)
        self.requested = requested
        self.offered = offered
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"the server refused capabilities {list(self.requested)} "
            f"(it offers {list(self.offered)}): {self.reason}"
        )


class CommandError(QMPError):
    """An error returned by the server. A monitor's handler raises it to return one.

    Attributes:
        error_class: GenericError, CommandNotFound, DeviceNotFound, …; new ones may appear.
        desc: The server's description, for people.
        command: The name of the command, None if unknown.
        id: The command's id on the wire, UNSET if it had none.
    """

    def __init__(
        self,
        error_class: str,
        desc: str,
        command: str | None = None,
        id: object = UNSET,
    ) -> None:
        super().__init__(error_class, desc, command, id)
        self.error_class = error_class
        self.desc = desc
        self.command = command
        self.id = id

    def __str__(self) -> str:
        return f"{self.error_class}: {self.desc}"


class AnswerError(CommandError):
    """An answer of the wrong type for its command.

    Attributes:
        found: The JSON value that came.
        expected: A description of what was expected, for people.
    """

    def __init__(self, command: str, found: object, expected: str) -> None:
        super().__init__("GenericError", f"found {_in_short(found)}, expected {expected}", command)
        self.found = found
        self.expected = expected

    def __reduce__(self) -> tuple[object, ...]:
        return AnswerError, (self.command, self.found, self.expected)

    def __str__(self) -> str:
        return f"the answer to {self.command} is unusable: {self.desc}"


def _in_short(value: object, levels: int = 3) -> str:
    """Return the beginning of a value's JSON, bounded in length and depth."""
    if isinstance(value, list):
        text = f"[{_first_of((_in_short(each, levels - 1) for each in value), levels)}]"
    elif isinstance(value, dict):
        members = (f"{_in_short(k)}: {_in_short(v, levels - 1)}" for k, v in value.items())
        text = f"{{{_first_of(members, levels)}}}"
    else:
        part = value[: _SHOWN + 1] if isinstance(value, str) else value
        try:
            text = msgspec.json.encode(part).decode()
        except ValueError:  # half of a surrogate pair
            text = ascii(part)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _first_of(parts: Iterator[str], levels: int) -> str:
    if levels <= 0:
        return "…"
    shown = [*islice(parts, _MEMBERS + 1)]
    return ", ".join(shown if len(shown) <= _MEMBERS else [*shown[:-1], "…"])


class CompletionError(CommandError):
    """A command that the server accepted, but that wasn't completed, as an event shows.

    Attributes:
        event: The event's name: DEVICE_UNPLUG_GUEST_ERROR, or RESET if the guest was reset first, …
        data: The event's data.
        reason: A sentence about what it means, or "".
    """

    def __init__(self, command: str, event: str, data: dict[str, Any], reason: str = "") -> None:
        desc = f"{reason}: {event}" if reason else event
        super().__init__("GenericError", f"{desc} {_in_short(data)}" if data else desc, command)
        self.event = event
        self.data = data
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return CompletionError, (self.command, self.event, self.data, self.reason)

    def __str__(self) -> str:
        return f"{self.command} was accepted, but not completed: {self.desc}"


class ConflictError(CommandError):
    """A thing that exists, but with another driver, type or property than asked for.

    Attributes:
        kind: What it is: "block node", "device", …
        thing: Its id.
        differences: For each property that differs, the value found and the one expected. Secrets
            are redacted.
    """

    def __init__(
        self, kind: str, thing: str, differences: dict[str, tuple[Any, Any]], command: str
    ) -> None:
        texts = (
            f"found {name} {_in_short(found)}, expected {_in_short(expected)}"
            for name, (found, expected) in differences.items()
        )
        super().__init__("GenericError", "; ".join(texts), command)
        self.kind = kind
        self.thing = thing
        self.differences = differences

    def __reduce__(self) -> tuple[object, ...]:
        return ConflictError, (self.kind, self.thing, self.differences, self.command)

    def __str__(self) -> str:
        return f"{self.kind} {self.thing} exists, but differs: {self.desc}"


class JobError(CommandError):
    """A job that started, and then failed, was cancelled, or was stopped by an error.

    Attributes:
        job: The job's id.
        is_cancelled: True if somebody cancelled it.
        is_stopped: True if it still exists and waits to be resumed or cancelled.
    """

    def __init__(
        self,
        job: str,
        desc: str,
        command: str,
        is_cancelled: bool = False,
        is_stopped: bool = False,
    ) -> None:
        super().__init__("GenericError", desc, command)
        self.job = job
        self.is_cancelled = is_cancelled
        self.is_stopped = is_stopped

    def __reduce__(self) -> tuple[object, ...]:
        return JobError, (self.job, self.desc, self.command, self.is_cancelled, self.is_stopped)

    def __str__(self) -> str:
        if self.is_stopped:
            return f"job {self.job} ({self.command}) was stopped by an error: {self.desc}"
        if self.is_cancelled:
            return f"job {self.job} ({self.command}) was cancelled"
        return f"job {self.job} ({self.command}) failed: {self.desc}"


_PAST_TENSE = {"failed": "failed", "cancelled": "was cancelled"}
"""What the final states of a migration are called in a sentence."""


class MigrationError(CommandError):
    """A migration that started, and then failed or was cancelled.

    Attributes:
        status: Its status: "failed", "cancelled", "postcopy-paused", …
    """

    def __init__(self, status: str, desc: str) -> None:
        super().__init__("GenericError", desc, "migrate")
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        return MigrationError, (self.status, self.desc)

    def __str__(self) -> str:
        verb = _PAST_TENSE.get(self.status, f"is {self.status}")
        return f"the migration {verb}" + (f": {self.desc}" if self.desc else "")


class CommandInterrupted(QMPError):
    """The connection ended before the reply: the command's outcome is unknown.

    Attributes:
        command: The name of the command.
        id: The command's id on the wire.
        reason: Why the connection ended.
    """

    def __init__(self, command: str, id: object, reason: str) -> None:
        super().__init__(command, id, reason)
        self.command = command
        self.id = id
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.command} was cut off, its outcome is unknown: {self.reason}"


class ConnectionClosed(QMPError):
    """The connection ended, and no command was in flight.

    Attributes:
        reason: Why the connection ended.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ChardevError(QMPError, ValueError):
    """A character device can't be opened, or can't do what was asked.

    Attributes:
        reason: Why, in QEMU's words.
        hint: A line that QEMU adds on a terminal only, or "".
        earlier: Lines that QEMU prints before the reason, on a terminal only.
    """

    def __init__(self, reason: str, hint: str = "", earlier: tuple[str, ...] = ()) -> None:
        super().__init__(reason, hint, earlier)
        self.reason = reason
        self.hint = hint
        self.earlier = earlier

    def __str__(self) -> str:
        return self.reason


class FaultError(QMPError, ValueError):
    """A fault that can't be injected as it is written.

    Attributes:
        reason: What was found and what was expected.
        hint: A similar word or another way to say it, or "".
        place: The file and the line, such as "faults.txt:3"; "" if it wasn't read from a file.
    """

    def __init__(self, reason: str, hint: str = "", place: str = "") -> None:
        super().__init__(reason, hint, place)
        self.reason = reason
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        before = f"{self.place}: " if self.place else ""
        return f"{before}{self.reason}{f'; {self.hint}' if self.hint else ''}"


class HumanLineError(QMPError, ValueError):
    """A line for the human monitor that isn't read with certainty.

    It is wrong, its command is unknown, or QEMU's releases read it differently.

    Attributes:
        reason: What was found and what was expected.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class KeyboardError(QMPError, ValueError):
    """Keys that can't be pressed as asked; nothing was sent.

    Attributes:
        reason: What was found and what was expected.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class LayoutError(KeyboardError):
    """A keyboard layout that is unknown, or whose source is missing.

    Attributes:
        layout: The layout's name.
    """

    def __init__(self, layout: str, reason: str) -> None:
        super().__init__(reason)
        self.layout = layout

    def __reduce__(self) -> tuple[object, ...]:
        return LayoutError, (self.layout, self.reason)

    def __str__(self) -> str:
        return f"layout {_in_short(self.layout)}: {self.reason}"


class KeyNameError(KeyboardError):
    """A key combination with a name that is unknown, missing or repeated.

    Attributes:
        keys: The combination as it was given.
    """

    def __init__(self, keys: str, reason: str) -> None:
        super().__init__(reason)
        self.keys = keys

    def __reduce__(self) -> tuple[object, ...]:
        return KeyNameError, (self.keys, self.reason)

    def __str__(self) -> str:
        return f"keys {_in_short(self.keys)}: {self.reason}"


class UntypableCharacter(NamedTuple):
    """A character that a keyboard layout can't type.

    Attributes:
        position: Its position in the text, counted from 0.
        character: The character, with its accents.
        name: Its number and name in Unicode.
    """

    position: int
    character: str
    name: str


class UntypableError(KeyboardError):
    """Characters that a keyboard layout can't type.

    Attributes:
        layout: The layout's name.
        characters: All of them, in the order of the text.
    """

    def __init__(self, layout: str, characters: tuple[UntypableCharacter, ...]) -> None:
        super().__init__(_untypable(characters))
        self.layout = layout
        self.characters = characters

    def __reduce__(self) -> tuple[object, ...]:
        return UntypableError, (self.layout, self.characters)

    def __str__(self) -> str:
        return f"layout {_in_short(self.layout)} can't type {self.reason}"


def _untypable(characters: tuple[UntypableCharacter, ...]) -> str:
    """Describe each different character once, with its positions."""
    places: dict[tuple[str, str], list[int]] = {}
    for position, character, name in characters:
        places.setdefault((character, name), []).append(position)
    parts = []
    for (character, name), found in islice(places.items(), _MEMBERS):
        shown = ", ".join(map(str, found[:_MEMBERS])) + (", …" if len(found) > _MEMBERS else "")
        parts.append(f"{_in_short(character)} ({name}) at {shown}")
    if len(places) > _MEMBERS:
        parts.append(f"{len(places) - _MEMBERS} further characters")
    return "; ".join(parts)


class Location(NamedTuple):
    """A position in a schema file.

    Attributes:
        file: The file's name, as it was given.
        line: Counted from 1.
        column: Counted from 1, in characters.

    Example:
        >>> str(Location("block.json", 12, 5))
        'block.json:12:5'
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class SchemaError(QMPError):
    """A fault in a schema, with its location.

    Attributes:
        reason: What was found and what was expected.
        location: Its position; None if the schema came from no file.
        text: The line at that position, without its line ending.
        definition: The definition around it, such as "struct 'NameInfo'", or None.
        includes: The include chain, innermost first.
        others: Further faults of the same schema, found in the same run.
    """

    def __init__(
        self,
        reason: str,
        location: Location | None = None,
        text: str = "",
        definition: str | None = None,
        includes: tuple[Location, ...] = (),
        others: tuple["SchemaError", ...] = (),
    ) -> None:
        super().__init__(reason, location, text, definition, includes, others)
        self.reason = reason
        self.location = location
        self.text = text
        self.definition = definition
        self.includes = includes
        self.others = others

    def __str__(self) -> str:
        reason = _shortened(self.reason)
        lines = [f"{self.location}: {reason}" if self.location else reason]
        if self.location and self.text:
            column = self.location.column - 1
            start = max(0, column - _SHOWN) if len(self.text) > 2 * _SHOWN else 0
            before = self.text[start:column]
            blank = "".join("\t" if char == "\t" else " " for char in before)
            lines += [f"    {self.text[start : start + 2 * _SHOWN]}", f"    {blank}^"]
        if self.definition:
            lines.append(f"in {_shortened(self.definition)}")
        lines += [f"included from {place}" for place in self.includes]
        return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


class SchemaSyntaxError(SchemaError):
    """A text that can't be parsed as a schema."""


class SchemaSemanticError(SchemaError):
    """A schema that can be parsed, but contradicts itself or the rules of QAPI."""


class PolicyError(QMPError):
    """A policy that can't be.

    Attributes:
        reason: What was found, and what was expected.
        place: Its place in the file, such as "vm.toml:3:9"; "" if unknown.
        others: Further mistakes in the same file, each as a line with its place.
    """

    def __init__(self, reason: str, place: str = "", others: tuple[str, ...] = ()) -> None:
        super().__init__(reason, place, others)
        self.reason = reason
        self.place = place
        self.others = others

    def __str__(self) -> str:
        first = f"{self.place}: {self.reason}" if self.place else self.reason
        return "\n".join([first, *self.others])


class ScriptError(QMPError):
    """A rule of a script that can't be.

    Attributes:
        reason: What was found, and what was expected.
        place: Its place in the script, such as "test_disk.py:12"; "" if unknown.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason, place)
        self.reason = reason
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


class ScriptMismatch(QMPError, AssertionError):
    """The differences between a script and what happened: a test has failed.

    Attributes:
        mismatches: The text of each one.
        note: A sentence about what wasn't checked; "" for none.
    """

    def __init__(self, mismatches: tuple[str, ...], note: str = "") -> None:
        super().__init__(mismatches, note)
        self.mismatches = mismatches
        self.note = note

    def __str__(self) -> str:
        lines = [*self.mismatches, f"note: {self.note}"] if self.note else self.mismatches
        return "\n".join(lines)


class TranscriptError(QMPError):
    """A text that is no transcript, or a file of replies that can't be read.

    Attributes:
        name: The file's name, as the caller gave it.
        line: The number of the wrong line, from 1; 0 if the text as a whole is wrong.
        reason: What was found, and what was expected.
    """

    def __init__(self, reason: str, name: str, line: int = 0) -> None:
        super().__init__(reason, name, line)
        self.reason = reason
        self.name = name
        self.line = line

    def __str__(self) -> str:
        place = f"{self.name}:{self.line}" if self.line else self.name
        return f"{place}: {self.reason}"


class ValidationError(QMPError):
    """A value that doesn't fit a schema type.

    Attributes:
        path: The path to the value, such as "actions[0].type"; "" is the value itself.
        expected: What was expected there: "string", "uint8_t", "one value", …
        found: The value, or UNSET if it is missing.
        desc: The whole message, in QEMU's words.
        feature: "deprecated" or "unstable" if the policy refuses it for that; "" if it is wrong.
    """

    def __init__(
        self, desc: str, path: str, expected: str, found: object, feature: str = ""
    ) -> None:
        super().__init__(desc, path, expected, found, feature)
        self.desc = desc
        self.path = path
        self.expected = expected
        self.found = found
        self.feature = feature

    def __str__(self) -> str:
        return self.desc


class AuditError(QMPError):
    """An audit log that can't be opened, or a command that can't be recorded in it.

    Attributes:
        reason: What was found and what was expected, or the system's reason.
        path: The log's path.
    """

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
