"""The makers of edits: what is sent before, behind or instead of a server's message."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from qmpeer.conformance.clients.case import Edit, Original, Pause, Piece
from qmpeer.conformance.clients.forms import as_escapes, in_reverse
from qmpeer.messages import Timestamp, event_message
from qmpeer.values import JsonObject, JsonValue
from qmpeer.wire import encode_compact, encode_line

_TIME: Final = Timestamp(1_795_377_406, 529_666)


def event(name: str = "RESUME", data: JsonObject | None = None) -> JsonObject:
    """Return an event."""
    return event_message(name, data, _TIME)


def before(*pieces: Piece) -> Edit:
    """Send pieces before the message."""
    return lambda original: (*pieces, original.value)


def behind(*pieces: Piece) -> Edit:
    """Send pieces behind the message."""
    return lambda original: (original.value, *pieces)


def instead(*pieces: Piece) -> Edit:
    """Send pieces, and not the message."""
    return lambda original: pieces


def changed(change: Callable[[JsonObject], JsonObject]) -> Edit:
    """Send another message, made of the original one."""
    return lambda original: (change(original.value),)


def edited(change: Callable[[bytes], Iterable[Piece]]) -> Edit:
    """Send other bytes, made of the line as QEMU writes it."""
    return lambda original: change(encode_line(original.value))


def with_value(text: bytes) -> Edit:
    """Give a reply a member that its client doesn't know; its value is a JSON text.

    The member is in the return value if that is an object, else beside it.
    """

    def edit(original: Original) -> Iterator[Piece]:
        line = encode_line(original.value)
        value = original.value.get("return")
        head = b'{"return": {' if isinstance(value, dict) else b"{"
        comma = b"" if value == {} else b", "
        yield head + b'"x-qmpeer-odd": ' + text + comma + line.removeprefix(head)

    return edit


def cut_at(share: float, *end: Piece) -> Edit:
    """Send a share of the message, then something else."""
    return edited(lambda line: (line[: int(len(line) * share)], *end))


def error_reply(error: JsonValue, **others: JsonValue) -> Edit:
    """Answer with an error, which has the command's id."""

    def edit(original: Original) -> Iterator[Piece]:
        yield _with_id(original, {**others, "error": error})

    return edit


def without_id(message: JsonObject) -> JsonObject:
    """Return a reply without its id."""
    return {name: value for name, value in message.items() if name != "id"}


def _with_id(original: Original, reply: JsonObject) -> JsonObject:
    command = original.value
    return {"id": command["id"], **reply} if "id" in command else reply


def with_escaped_id(original: Original) -> Iterator[Piece]:
    r"""Write the id in other bytes: strings as escapes, members in the reverse order."""
    if "id" not in original.value:
        yield original.value
        return
    id = as_escapes(in_reverse(original.value["id"])).encode("ascii")
    reply = encode_compact(without_id(original.value))
    yield b'{"id" : ' + id + b", " + reply[1:] + b"\r\n"


def endless(again: tuple[Piece, ...], *, begin: bytes = b"") -> Edit:
    """Send a beginning, then the same pieces again and again."""
    return lambda original: itertools.chain((begin,), itertools.cycle(again))


def after(seconds: float) -> Edit:
    """Send the message later."""
    return before(Pause(seconds))
