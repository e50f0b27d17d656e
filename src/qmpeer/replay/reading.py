r"""The messages of a recording, read from the lines of its transcript.

The lines of all sections are read as one stream for each connection. A message may be spread over
several lines of the text (pretty output, bytes that came in pieces), and a line may hold several
messages.
"""

from typing import TypeAlias

import msgspec

from qmpeer.errors import MessageError, QMPError, TranscriptError
from qmpeer.messages import CommandMessage, found_instead, parse_command, shown
from qmpeer.messages.redaction import redact_text
from qmpeer.replay.patterns import ANY
from qmpeer.transcript import (
    Closed,
    Elapsed,
    Entry,
    Line,
    OnConnection,
    Opened,
    Sender,
    Transcript,
)
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from qmpeer.wire import ClientReader, ServerReader

_BLANKS = b" \t\r\n\xff"
"""Bytes that are part of no message. FF is the guest agent's marker."""


class Place(msgspec.Struct, frozen=True):
    """The place of a message in the recordings.

    Attributes:
        name: The name of the file, as the caller gave it.
        line: The number of its line; 0 if the transcript wasn't read from a text.
        position: The number of its entry in the transcript, from 0; it orders messages.
    """

    name: str
    line: int
    position: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class Part(msgspec.Struct, frozen=True):
    """One part of a recorded connection.

    Attributes:
        place: The place of its first line.
        end: The number of its last line.
        seconds: The time of its last line, since the recording began.
    """

    place: Place
    end: int
    seconds: float


class Asked(Part, frozen=True):
    """A command that a client sent; None and an error if it was no valid command."""

    command: CommandMessage | None
    id: JsonValue | UnsetType = UNSET
    error: str = ""


class Greeted(Part, frozen=True):
    """A greeting."""

    value: JsonObject


class Answered(Part, frozen=True):
    """A reply, with the members that it had on the wire."""

    value: JsonObject


class Happened(Part, frozen=True):
    """An event, with the members that it had on the wire."""

    value: JsonObject


class Began(Part, frozen=True):
    """The beginning of a connection."""


class Ended(Part, frozen=True):
    """The end of a connection."""

    is_by_server: bool


AnyPart: TypeAlias = Asked | Greeted | Answered | Happened | Began | Ended


def recorded_parts(transcript: Transcript) -> dict[int, list[AnyPart]]:
    """Return the parts of each connection, by its number.

    Raises:
        TranscriptError: If a line isn't part of a message. Torn messages are accepted only where
            the recording, or the connection, ends without the end of a line.
    """
    connections: dict[int, _Connection] = {}
    position = 0
    for section in transcript.sections:
        number, seconds = 1, 0.0
        for offset, entry in enumerate(section.entries):
            position += 1
            if isinstance(entry, OnConnection):
                number = entry.number
            elif isinstance(entry, Elapsed):
                seconds = entry.seconds
            elif isinstance(entry, Line | Opened | Closed):
                if number not in connections:
                    connections[number] = _Connection()
                line = section.line + offset if section.line else 0
                connections[number].take(entry, Place(transcript.name, line, position), seconds)
    for connection in connections.values():
        connection.finish()
    return {number: connection.parts for number, connection in connections.items()}


class _Side:
    """One sender's bytes on a connection."""

    def __init__(self, reader: ServerReader | ClientReader[JsonValue]) -> None:
        self._reader = reader
        self._last = b""
        self.first: Place | None = None  # of the unfinished message

    def items(self, data: bytes, place: Place) -> list[JsonValue | QMPError]:
        """Receive the bytes of a line, and return the values and errors that they complete."""
        if self.first is None and data.strip(_BLANKS):
            self.first = place
            data = data.lstrip(b"\xff")
        self._last = data
        items: list[JsonValue | QMPError] = [*self._reader.receive_data(data)]
        while isinstance(self._reader, ClientReader) and self._reader.is_busy:
            items += self._reader.resume()
        return items

    def finish(self) -> None:
        """Check that nothing is unfinished, unless the last bytes were torn off."""
        if self.first is not None and self._last.endswith(b"\n"):
            raise _error("found the beginning of a JSON value, expected its end, too", self.first)


class _Connection:
    """The parts of one connection."""

    def __init__(self) -> None:
        self.parts: list[AnyPart] = []
        self._forget()

    def _forget(self) -> None:
        self._client = _Side(ServerReader())
        self._server = _Side(ClientReader(msgspec.json.Decoder()))

    def take(self, entry: Entry, place: Place, seconds: float) -> None:
        """Take the next entry of the connection."""
        if isinstance(entry, Line):
            side = self._client if entry.sender is Sender.CLIENT else self._server
            read = _read_request if entry.sender is Sender.CLIENT else _read_message
            for item in side.items(entry.data, place):
                where = (side.first or place, place.line, seconds)
                self.parts.append(read(item, entry.data, where))
                side.first = None
        else:
            self.finish()
            where = (place, place.line, seconds)
            if isinstance(entry, Closed):
                self.parts.append(Ended(*where, entry.by is Sender.SERVER))
            else:
                self.parts.append(Began(*where))

    def finish(self) -> None:
        """End the streams of both sides."""
        self._client.finish()
        self._server.finish()
        self._forget()


_Where: TypeAlias = tuple[Place, int, float]


def _read_request(item: JsonValue | QMPError, data: bytes, where: _Where) -> AnyPart:
    if isinstance(item, QMPError):
        raise _error(f"found {_shown(data)}, expected a command: {item}", where[0])
    if isinstance(item, dict) and item.get("arguments") == ANY:
        item = {**item, "arguments": {ANY: ANY}}
    try:
        command = parse_command(item, is_oob_enabled=True)
    except MessageError as error:  # a server has answered it with an error
        id = item.get("id", UNSET) if isinstance(item, dict) else UNSET
        return Asked(*where, None, id, f"found {_shown(data)}, expected a command: {error}")
    return Asked(*where, command, command.id)


def _read_message(item: JsonValue | QMPError, data: bytes, where: _Where) -> AnyPart:
    expected = "a greeting, a reply or an event"
    if isinstance(item, QMPError):
        is_object = data.startswith(b"{")  # with a slip, rather than of another protocol
        found = f"found {_shown(data)}, expected {expected}"
        raise _error(f"{found if is_object else found_instead(data.rstrip())}: {item}", where[0])
    if isinstance(item, dict):
        if isinstance(item.get("QMP"), dict):
            return Greeted(*where, item)
        if isinstance(item.get("event"), str):
            return Happened(*where, item)
        if "return" in item or isinstance(item.get("error"), dict):
            return Answered(*where, item)
    raise _error(f"found {_shown(data)}, expected {expected}", where[0])


def _shown(data: bytes) -> str:
    """Return a line for an error, without secrets."""
    text = redact_text(data.rstrip().decode("utf-8", "surrogateescape"))
    return shown(text.encode("utf-8", "surrogateescape"))


def _error(reason: str, place: Place) -> TranscriptError:
    return TranscriptError(reason, place.name or "the transcript", place.line)
