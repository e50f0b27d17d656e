"""The cases with a faulty server, which a client must survive: it ends in time, with a failure."""

import itertools
from collections.abc import Iterator
from typing import Final

from qmpeer.conformance.clients.case import (
    ClientCase,
    Duty,
    Edit,
    End,
    Listening,
    Original,
    Pause,
    Piece,
    Place,
)
from qmpeer.conformance.clients.edits import (
    behind,
    changed,
    cut_at,
    endless,
    error_reply,
    event,
    instead,
    with_value,
    without_id,
)
from qmpeer.conformance.results import Case, Level

FAULTY: Final = "faulty"
_MUST, _SHOULD = Level.MUST, Level.SHOULD
_GREETING, _NEGOTIATED, _REPLY = Place.GREETING, Place.NEGOTIATED, Place.REPLY
_PIECE: Final = 64 * 1024
_OVERSIZE: Final = 256 * 1024 * 1024
"""The bytes of an oversized reply: more than any real one has."""
_LEVELS: Final = 100_000
_BEAT: Final = Pause(0.05)
_GARBAGE: Final = bytes(range(128, 160)) + b"\0\x01\x02{]}\r\n"
_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_SSH: Final = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"


def _fault(
    name: str, title: str, place: Place, edit: Edit, *, duty: Duty = Duty.FAIL
) -> ClientCase:
    return ClientCase(Case(name, FAULTY, _MUST, title), duty, place, edit)


def _false_id(name: str, title: str, edit: Edit) -> ClientCase:
    case = Case(name, FAULTY, _SHOULD, title)
    return ClientCase(case, Duty.FAIL, _REPLY, edit, needs_id=True)


def _absent(name: str, title: str, listening: Listening) -> ClientCase:
    return ClientCase(Case(name, FAULTY, _MUST, title), Duty.FAIL, listening=listening)


def _oversized(original: Original) -> Iterator[Piece]:
    yield b'{"x-qmpeer-odd": "'
    yield from itertools.repeat(b"x" * _PIECE, _OVERSIZE // _PIECE)
    for piece in with_value(b"1")(original):
        assert isinstance(piece, bytes)
        yield b'", ' + piece[1:]


FAULTY_CASES: Final = (
    _absent("refused", "the address refuses connections", Listening.NEVER),
    _absent("no-socket", "nothing is at the address", Listening.NOWHERE),
    # Before and in the greeting
    _fault("reset-at-once", "a reset instead of the greeting", _GREETING, instead(End.RESET)),
    _fault("closed-at-once", "the end instead of the greeting", _GREETING, instead(End.CLOSE)),
    _fault("silent-after-connect", "no greeting", _GREETING, instead()),
    _fault("cut-in-greeting", "the end in the greeting", _GREETING, cut_at(0.5, End.CLOSE)),
    _fault("half-a-greeting", "half a greeting, then nothing more", _GREETING, cut_at(0.5)),
    _fault("garbage-greeting", "bytes that aren't text", _GREETING, instead(_GARBAGE)),
    _fault("ssh-server", "an SSH server", _GREETING, instead(_SSH)),
    _fault("http-server", "an HTTP server", _GREETING, instead(_HTTP, End.CLOSE)),
    _fault("other-json", "JSON that isn't QMP", _GREETING, instead({"hello": "world"})),
    # In the negotiation
    _fault("silent-in-negotiation", "no reply to qmp_capabilities", _NEGOTIATED, instead()),
    _fault(
        "closed-in-negotiation",
        "the end instead of the reply to qmp_capabilities",
        _NEGOTIATED,
        instead(End.CLOSE),
    ),
    _fault(
        "closed-after-negotiation",
        "the end after the reply to qmp_capabilities",
        _NEGOTIATED,
        behind(End.CLOSE),
    ),
    # After a command
    _fault("silent-after-command", "no reply to a command", _REPLY, instead()),
    _fault("closed-after-command", "the end instead of a reply", _REPLY, instead(End.CLOSE)),
    _fault("reset-after-command", "a reset instead of a reply", _REPLY, instead(End.RESET)),
    _fault(
        "half-closed",
        "the end of the server's direction instead of a reply",
        _REPLY,
        instead(End.HALF),
    ),
    _fault(
        "events-without-reply", "events for ever, and no reply", _REPLY, endless((event(), _BEAT))
    ),
    _fault(
        "blanks-without-reply",
        "blank lines for ever, and no reply",
        _REPLY,
        endless((b"\r\n", _BEAT)),
    ),
    # In a reply
    _fault("cut-in-reply", "the end in a reply", _REPLY, cut_at(0.5, End.CLOSE)),
    _fault("half-a-reply", "half a reply, then nothing more", _REPLY, cut_at(0.5)),
    _fault(
        "dripping-reply",
        "a reply that comes byte by byte and doesn't end",
        _REPLY,
        endless((b"x", _BEAT), begin=b'{"return": "'),
    ),
    _fault("garbage-reply", "bytes that aren't text instead of a reply", _REPLY, instead(_GARBAGE)),
    _fault(
        "broken-reply",
        "a reply that isn't JSON",
        _REPLY,
        instead(b'{"return": {status: running}}\r\n'),
    ),
    _fault(
        "invalid-utf-8",
        "a reply with bytes that aren't UTF-8",
        _REPLY,
        with_value(b'"\xc3\x28\xff\xfe"'),
        duty=Duty.END,
    ),
    _fault(
        "endless-string",
        "a string that doesn't end",
        _REPLY,
        endless((b"x" * _PIECE,), begin=b'{"return": "'),
    ),
    _fault(
        "endless-list",
        "a list that doesn't end",
        _REPLY,
        endless((b"{}, " * (_PIECE // 4),), begin=b'{"return": ['),
    ),
    _fault("oversized-reply", "a reply of 256 MiB", _REPLY, _oversized, duty=Duty.END),
    _fault(
        "too-deep",
        "a value with 100,000 levels",
        _REPLY,
        with_value(b"[" * _LEVELS + b"]" * _LEVELS),
        duty=Duty.END,
    ),
    # Replies that are none
    _fault("list-reply", "a list instead of a reply", _REPLY, instead(b"[]\r\n")),
    _fault(
        "empty-reply",
        "a reply with neither a value nor an error",
        _REPLY,
        changed(lambda message: {key: message[key] for key in message if key == "id"}),
    ),
    _fault("error-as-text", "an error that is a text", _REPLY, error_reply("no")),
    _fault(
        "greeting-again",
        "a second greeting instead of a reply",
        _REPLY,
        instead({"QMP": {"version": {}, "capabilities": []}}),
    ),
    _false_id(
        "other-id",
        "a reply with another id, and none with the command's",
        changed(lambda message: {**message, "id": "qmpeer-other"}),
    ),
    _false_id("no-id", "a reply without the command's id", changed(without_id)),
    _fault(
        "duplicate-reply",
        "each reply twice",
        _REPLY,
        lambda original: (original.value, original.value),
        duty=Duty.END,
    ),
)
"""The cases with a faulty server."""
