"""The records of an audit log, and their JSON."""

import time
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from qmpeer import limits
from qmpeer.values import UNSET, JsonObject, JsonValue, UnsetType
from qmpeer.wire import encode_compact

Outcome: TypeAlias = Literal["return", "error", "interrupted", "not-sent"]
"""The outcome of a command: it returned; it failed; the connection ended first, so nobody knows; it
was never sent."""

_encode: Final = msgspec.json.Encoder().encode


class Record(msgspec.Struct, kw_only=True, gc=False):
    """One record; it gets its number when it is written.

    Attributes:
        number: Its number, counted from 1 over all files of a log.
        time: When it was made, UTC, to the microsecond.
        what: What happened.
    """

    number: int = 0
    time: str
    what: str


class Begin(Record, kw_only=True, omit_defaults=True, gc=False):
    """The first of a command's two records, written before the command is sent.

    Attributes:
        client: The client's number.
        command: The command's name.
        arguments: Its arguments, blanked, as JSON; an object with "bytes" and "blake2b" if
            `is_cut`.
        is_cut: True if the arguments are too long to be recorded.
        rule: The rule that allowed it.
        is_oob: True if it is executed out of band.
        fds: The number of descriptors that came with it.
    """

    client: int
    command: str
    arguments: msgspec.Raw | UnsetType = UNSET
    is_cut: bool = msgspec.field(default=False, name="cut")
    rule: str | UnsetType = UNSET
    is_oob: bool = msgspec.field(default=False, name="oob")
    fds: int = 0


class End(Record, kw_only=True, omit_defaults=True, gc=False):
    """The second of a command's two records.

    Attributes:
        begin: The number of the first one.
        outcome: See `Outcome`.
        error_class: The class of an error.
        desc: Its description, blanked.
        seconds: The time from begin to end.
    """

    begin: int
    outcome: Outcome
    error_class: str = msgspec.field(default="", name="class")
    desc: str = ""
    seconds: float


class Note(Record, kw_only=True, gc=False):
    """Any other record.

    Attributes:
        facts: Its further members. If they are too long, they are left out; then "cut" is true.
    """

    facts: Mapping[str, JsonValue]


def encoded(record: Record) -> bytes:
    """Return a record as JSON, without its closing brace."""
    if type(record) is not Note:
        return _encode(record)[:-1]
    head: JsonObject = {"number": record.number, "time": record.time, "what": record.what}
    text = encode_compact({**head, **record.facts, **head})
    if len(text) > limits.AUDIT_LINE // 2:
        text = encode_compact({**head, "cut": True, "bytes": len(text)})
    return text[:-1]


def recorded_text(text: str, most: int = limits.AUDIT_TEXT) -> str:
    """Return a text as it is recorded: at most so many characters, without lone surrogates."""
    if len(text) > most:
        text = f"{text[:most]}…"
    return text if text.isascii() else text.encode(errors="replace").decode()


class Clock:
    """Times as text, such as 2026-11-30T03:12:17.000250Z.

    Args:
        nanoseconds: Returns the nanoseconds since 1970.
    """

    __slots__ = ("_nanoseconds", "_second", "_text")

    def __init__(self, nanoseconds: Callable[[], int]) -> None:
        self._nanoseconds = nanoseconds
        self._second = -1
        self._text = ""

    def now(self) -> str:
        """Return the time, UTC, to the microsecond."""
        second, rest = divmod(self._nanoseconds(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{rest // 1000:06d}Z"
