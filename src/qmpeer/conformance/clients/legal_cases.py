"""The cases with a legal server: QMP allows it, or QEMU does it."""

from collections.abc import Iterator
from typing import Final

from qmpeer.conformance.clients.case import (
    ClientCase,
    Duty,
    Edit,
    Form,
    Listening,
    Original,
    Pause,
    Piece,
    Place,
    as_line,
)
from qmpeer.conformance.clients.edits import (
    after,
    before,
    behind,
    changed,
    error_reply,
    event,
    instead,
    with_escaped_id,
    with_value,
)
from qmpeer.conformance.clients.forms import (
    apart,
    backwards,
    byte_by_byte,
    compact,
    escaped,
    lf_only,
    pretty,
    spaced,
)
from qmpeer.conformance.results import Case, Level
from qmpeer.values import JsonObject, JsonValue

LEGAL: Final = "legal"
_MUST, _SHOULD, _AS_QEMU = Level.MUST, Level.SHOULD, Level.AS_QEMU
_GREETING, _NEGOTIATED, _REPLY = Place.GREETING, Place.NEGOTIATED, Place.REPLY
_SLOW: Final = 0.5
"""Seconds of a slow server."""
_MIB: Final = 1024 * 1024
_LEVELS: Final = 200
_QEMU_0_13: Final[JsonObject] = {
    "QMP": {
        "version": {"qemu": {"micro": 0, "minor": 13, "major": 0}, "package": ""},
        "capabilities": [],
    }
}
_NEW: Final[JsonObject] = {"x-new": [1, {"deeper": None}], "__com.example_new": "yes"}
_ODD_EVENT: Final = event("__com.example_NEWS", {"": [], "what": {"is": [None, 1.5]}})
_REFUSAL: Final[JsonObject] = {"class": "GenericError", "desc": "not now"}


def _form(name: str, level: Level, title: str, form: Form) -> ClientCase:
    return ClientCase(Case(name, LEGAL, level, title), form=form)


def _edit(
    name: str, level: Level, title: str, place: Place, edit: Edit, *, is_once: bool = False
) -> ClientCase:
    return ClientCase(Case(name, LEGAL, level, title), place=place, edit=edit, is_once=is_once)


def _value(name: str, level: Level, title: str, text: bytes) -> ClientCase:
    return _edit(name, level, title, _REPLY, with_value(text), is_once=len(text) > _MIB)


def _refusal(name: str, level: Level, title: str, edit: Edit) -> ClientCase:
    return ClientCase(Case(name, LEGAL, level, title), Duty.FAIL, _REPLY, edit)


def _greeting(name: str, level: Level, title: str, *capabilities: JsonValue) -> ClientCase:
    def change(message: JsonObject) -> JsonObject:
        return _merged(message, "QMP", {"capabilities": [*capabilities]})

    return _edit(name, level, title, _GREETING, changed(change))


def _merged(message: JsonObject, member: str, others: JsonObject) -> JsonObject:
    """Return a message with other members of one of its members."""
    value = message[member]
    assert isinstance(value, dict)
    return {**message, member: {**value, **others}}


def _split_in_character(original: Original) -> Iterator[Piece]:
    for piece in with_value('"\u00e9"'.encode())(original):
        assert isinstance(piece, bytes)
        middle = piece.index("\u00e9".encode()) + 1
        yield piece[:middle]
        yield Pause(0.01)
        yield piece[middle:]


def _paused(original: Original) -> Iterator[Piece]:
    line = b"".join(each for each in as_line(original.value) if isinstance(each, bytes))
    yield line[: len(line) // 2]
    yield Pause(_SLOW)
    yield line[len(line) // 2 :]


ORDINARY: Final = _form("ordinary", _MUST, "nothing is odd", as_line)
"""The case that a client must pass before any other says something."""

_FORMS: Final = (
    _form("pretty", _MUST, "a message has many lines", pretty),
    _form("compact", _MUST, "no blanks in messages", compact),
    _form("white-space", _MUST, "blanks and tabs around all tokens", spaced),
    _form("empty-lines", _SHOULD, "empty lines between messages", apart),
    _form("member-order", _MUST, "the members of all objects in another order", backwards),
    _form("escapes", _MUST, r"each character of a string as an escape \uXXXX", escaped),
    _form("lf-only", _SHOULD, "lines end with LF", lf_only),
    _form("byte-by-byte", _MUST, "a message's first and last bytes each in a packet", byte_by_byte),
)

_TIME: Final = (
    ClientCase(
        Case("late-socket", LEGAL, _SHOULD, "the server begins to listen a few seconds later"),
        listening=Listening.LATE,
    ),
    _edit("late-greeting", _MUST, "the greeting takes half a second", _GREETING, after(_SLOW)),
    _edit("slow-reply", _MUST, "a reply takes half a second", _REPLY, after(_SLOW), is_once=True),
    _edit("pause-in-reply", _MUST, "a pause in a reply", _REPLY, _paused, is_once=True),
)

_GREETINGS: Final = (
    _greeting("no-capabilities", _MUST, "a greeting without capabilities"),
    _greeting(
        "unknown-capabilities",
        _MUST,
        "a greeting with capabilities that nobody knows",
        "oob",
        "x-new",
        "__com.example_new",
    ),
    _edit("qemu-0.13", _MUST, "the greeting of QEMU 0.13", _GREETING, instead(_QEMU_0_13)),
    _edit(
        "unknown-members-in-greeting",
        _MUST,
        "members that nobody knows in the greeting",
        _GREETING,
        changed(lambda message: {**_merged(message, "QMP", _NEW), **_NEW}),
    ),
)

_EVENTS: Final = (
    _edit(
        "event-behind-greeting",
        _SHOULD,
        "an event in one packet with the greeting",
        _GREETING,
        behind(event()),
    ),
    _edit(
        "event-in-negotiation",
        _SHOULD,
        "an event before the reply to qmp_capabilities",
        _NEGOTIATED,
        before(event()),
    ),
    _edit(
        "event-behind-negotiation",
        _MUST,
        "an event in one packet with the reply to qmp_capabilities",
        _NEGOTIATED,
        behind(event()),
    ),
    _edit(
        "event-before-reply",
        _MUST,
        "an event between a command and its reply",
        _REPLY,
        before(event("STOP"), Pause(0.01)),
    ),
    _edit(
        "one-packet",
        _MUST,
        "events, the reply and more events in one packet",
        _REPLY,
        lambda original: (event("STOP"), event(), original.value, event("STOP"), event()),
    ),
    _edit(
        "many-events",
        _MUST,
        "a thousand events before a reply",
        _REPLY,
        before(*(event("RTC_CHANGE", {"offset": n}) for n in range(1000))),
        is_once=True,
    ),
    _edit(
        "duplicate-event",
        _SHOULD,
        "the same event twice",
        _REPLY,
        before(event("STOP"), event("STOP")),
    ),
    _edit("unknown-event", _MUST, "an event that nobody knows", _REPLY, before(_ODD_EVENT)),
    _edit(
        "unknown-members-in-event",
        _MUST,
        "members that nobody knows in an event",
        _REPLY,
        before({**event("RESUME", _NEW), **_NEW}),
    ),
    _edit(
        "large-event",
        _MUST,
        "an event of 1 MiB",
        _REPLY,
        before(event("x-large", {"text": "x" * _MIB})),
        is_once=True,
    ),
    _edit(
        "no-clock",
        _MUST,
        "an event whose timestamp is -1, because the clock failed",
        _REPLY,
        before({**event(), "timestamp": {"seconds": -1, "microseconds": -1}}),
    ),
    _edit(
        "no-timestamp",
        _AS_QEMU,
        "an event without a timestamp, as in QEMU 0.13 without a clock",
        _REPLY,
        before({"event": "RESUME"}),
    ),
)

_VALUES: Final = (
    _value("unknown-members", _MUST, "a member that nobody knows in a reply's value", b"{}"),
    _edit(
        "unknown-members-in-reply",
        _SHOULD,
        "members that nobody knows beside a reply's value",
        _REPLY,
        changed(lambda message: {**message, **_NEW}),
    ),
    _value(
        "doubles",
        _MUST,
        "doubles in all their forms",
        b"[1.5, -0.0, 0.1, 1e3, 1E+2, -2e-7, 3.0, 1.7976931348623157e+308, 5e-324]",
    ),
    _value(
        "integers",
        _MUST,
        "integers of 64 bits",
        b"[9223372036854775807, -9223372036854775808, 4294967296, -1]",
    ),
    _value("unsigned", _MUST, "unsigned integers of 64 bits", b"[18446744073709551615, 1]"),
    _value(
        "utf-8", _MUST, "characters outside ASCII, in UTF-8", '"\u00e9\u65e5\U0001f600"'.encode()
    ),
    _edit(
        "split-character",
        _MUST,
        "the two bytes of a character in two packets",
        _REPLY,
        _split_in_character,
    ),
    _value(
        "odd-escapes",
        _MUST,
        "surrogate pairs, NUL, and every short escape",
        rb'"\ud83d\ude00 \u0000 \b\f\n\r\t\/\"\\"',
    ),
    _value("long-string", _MUST, "a string of 1 MiB", b'"' + b"x" * _MIB + b'"'),
    _value(
        "10-mib",
        _MUST,
        "a reply of 10 MiB",
        b"[" + b", ".join((b'"' + b"x" * 4092 + b'"',) * 2560) + b"]",
    ),
    _value("deep-value", _SHOULD, "a value with 200 levels", b"[" * _LEVELS + b"]" * _LEVELS),
    _value("not-a-number", _AS_QEMU, "nan and inf, as QEMU writes them", b"[nan, inf, -inf]"),
)

_IDS: Final = (
    _edit(
        "other-spelling-of-id",
        _MUST,
        "the same id in other bytes: escapes, members in another order",
        _REPLY,
        with_escaped_id,
    ),
    ClientCase(
        Case("stale-reply", LEGAL, _AS_QEMU, "a reply to a former client comes first"),
        place=_REPLY,
        edit=before({"return": {"x-qmpeer-odd": "stale"}, "id": "qmpeer-stale"}),
        needs_id=True,
    ),
    _edit("ff", _AS_QEMU, "the byte FF before a reply", _REPLY, before(b"\xff")),
)

_REFUSALS: Final = (
    _refusal("error", _MUST, "the reply is an error", error_reply(_REFUSAL)),
    _refusal(
        "error-of-unknown-class",
        _MUST,
        "the reply is an error whose class nobody knows",
        error_reply({**_REFUSAL, "class": "__com.example_NewError"}),
    ),
    _refusal(
        "error-with-more-members",
        _MUST,
        "the reply is an error with members that nobody knows",
        error_reply({**_REFUSAL, **_NEW}, **_NEW),
    ),
    _refusal(
        "error-of-qemu-0.13",
        _AS_QEMU,
        "the reply is an error with data, as in QEMU 0.13",
        error_reply({"class": "DeviceNotFound", "desc": "no device", "data": {"device": "ide0"}}),
    ),
    _refusal(
        "error-without-id",
        _MUST,
        "the reply is an error without an id: the server couldn't read the command",
        changed(lambda message: {"error": _REFUSAL}),
    ),
    ClientCase(
        Case("refused-negotiation", LEGAL, _MUST, "qmp_capabilities is refused"),
        Duty.FAIL,
        _NEGOTIATED,
        error_reply(_REFUSAL),
    ),
)

LEGAL_CASES: Final = (
    ORDINARY,
    *_FORMS,
    *_TIME,
    *_GREETINGS,
    *_EVENTS,
    *_VALUES,
    *_IDS,
    *_REFUSALS,
)
"""The cases with a legal server."""
