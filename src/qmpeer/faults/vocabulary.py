"""The vocabulary of faults: what can happen, where it can happen, and the keys for both.

It is data only. `qmpeer.faults.fault` checks a fault with it, `qmpeer.faults.engine`
makes it happen, and the documentation shows it as tables.
"""

from enum import Enum, Flag, auto
from typing import Final

import msgspec

from qmpeer import limits


class Form(Enum):
    """The form of a key's value."""

    NUMBER = "a whole number"
    SECONDS = "seconds"
    SIZE = "bytes, such as 100, 64k or 8M"
    NAME = "a name"
    TEXT = "a text"
    OBJECT = "a JSON object"
    CHOICE = "a word"
    MESSAGE = "a whole number, or greeting"


class Key(msgspec.Struct, frozen=True):
    """One key: its name, the form of its value, its range.

    Attributes:
        name: The key as it is written; in Python with underscores.
        doc: What it means.
        least: The smallest number.
        most: The largest number.
        default: The value if the key is left out, for the documentation; "" if there is none.
        choices: The words that it takes.
        is_required: True if the fault can't be without it.
    """

    name: str
    form: Form
    doc: str
    least: float = 0
    most: float = limits.FAULT_NUMBER
    default: str = ""
    choices: tuple[str, ...] = ()
    is_required: bool = False


class Where(Flag):
    """The places where a fault can happen."""

    COMMAND = auto()
    """At a command: ``command=``, or ``message=`` of the client."""
    REPLY = auto()
    """At a reply: ``reply=``."""
    EVENT = auto()
    """At an event: ``event=``."""
    ANY = auto()
    """At any message: ``message=``."""
    MOMENT = auto()
    """At a moment: ``after=``, ``after-reply=``, ``time=``, or the beginning."""
    BYTE = auto()
    """At a byte of the message, or of the stream."""
    SENDER = auto()
    """On either side's bytes: ``sender=``."""

    MESSAGE = COMMAND | REPLY | EVENT | ANY
    EVERYWHERE = MESSAGE | MOMENT | BYTE | SENDER


class Default(Enum):
    """The place of a fault that names none; the value says it in the documentation."""

    BEGINNING = "when the connection begins"
    BYTES = "all bytes"
    MESSAGE = "each message"
    REPLY = "each reply"
    SERVER = "the server"


class Kind(msgspec.Struct, frozen=True):
    """One kind of fault.

    Attributes:
        word: The word that begins its text.
        doc: What happens.
        where: The places where it can happen.
        default: Its place if none is named.
        keys: Its own keys.
        name: The key of the value that stands behind the word without a key, or "".
    """

    word: str
    doc: str
    where: Where
    default: Default
    keys: tuple[Key, ...] = ()
    name: str = ""

    def key(self, name: str) -> Key | None:
        """Return the kind's own key of a name, or None."""
        return next((key for key in self.keys if key.name == name), None)


_DAY: Final = limits.FAULT_SECONDS


def _seconds(doc: str, default: str = "", *, is_required: bool = False) -> Key:
    return Key("seconds", Form.SECONDS, doc, 0, _DAY, default, is_required=is_required)


def _size(doc: str, default: str = "", *, most: int = limits.FAULT_BYTES) -> Key:
    return Key("size", Form.SIZE, doc, 1, most, default, is_required=not default)


_STREAM: Final = Where.EVERYWHERE
_REPLIES: Final = Where.REPLY | Where.ANY

WHERE_KEYS: Final = {
    key.name: key
    for key in (
        Key("message", Form.MESSAGE, "the sender's message of this number", 1),
        Key("command", Form.NAME, "the client's command of this name"),
        Key("reply", Form.NAME, "the reply to the command of this name"),
        Key("event", Form.NAME, "the event of this name"),
        Key("after", Form.NAME, "when the command or event of this name has passed"),
        Key("after-reply", Form.NAME, "when the reply to the command of this name has passed"),
        Key("time", Form.SECONDS, "seconds after the connection began", 0, _DAY),
        Key("arguments", Form.OBJECT, "arguments that the command has, possibly among others"),
        Key("data", Form.OBJECT, "data that the event has, possibly among other data"),
        Key("byte", Form.NUMBER, "so many bytes of the message or stream pass first", 0),
        Key(
            "sender",
            Form.CHOICE,
            "whose bytes",
            choices=("client", "server"),
            default="server",
        ),
        Key("nth", Form.NUMBER, "only the nth time that this is found", 1),
        Key("times", Form.NUMBER, "only so many times", 1),
        Key("permille", Form.NUMBER, "so many of a thousand times, by chance", 0, 1000),
        Key("seed", Form.NUMBER, "the seed of all chance in this fault", 0),
        Key("connection", Form.NUMBER, "only on the nth connection", 1),
    )
}
"""The keys that say where a fault happens, in the order in which they are written."""

TARGETS: Final = ("message", "command", "reply", "event", "after", "after-reply", "time")
"""The keys that name a place; a fault has at most one of them."""
MOMENTS: Final = ("after", "after-reply", "time")
"""Those of them that name a moment rather than a message."""

KINDS: Final = {
    kind.word: kind
    for kind in (
        Kind(
            "delay",
            "hold bytes back, in order",
            _STREAM,
            Default.BYTES,
            (
                _seconds("how long", is_required=True),
                Key("jitter", Form.SECONDS, "at most so much longer or shorter", 0, _DAY, "0"),
            ),
        ),
        Kind(
            "drip",
            "send slowly",
            _STREAM,
            Default.BYTES,
            (Key("speed", Form.SIZE, "bytes a second", 1, is_required=True),),
        ),
        Kind(
            "slices",
            "send in small pieces",
            _STREAM,
            Default.BYTES,
            (
                _size("bytes of a piece"),
                Key("pause", Form.SECONDS, "seconds between two pieces", 0, _DAY, "0.001"),
            ),
        ),
        Kind(
            "coalesce",
            "send all that comes within a time as one packet",
            _STREAM & ~Where.BYTE,
            Default.BYTES,
            (_seconds("the time", "0.05"),),
        ),
        Kind(
            "stall",
            "stop reading (the client) or writing (to it)",
            _STREAM,
            Default.BEGINNING,
            (_seconds("how long; by default for ever"),),
        ),
        Kind(
            "cut",
            "end the connection",
            _STREAM,
            Default.BEGINNING,
            (
                Key(
                    "how",
                    Form.CHOICE,
                    "all of it, with a reset (on TCP), or only the sender's half",
                    default="close",
                    choices=("close", "reset", "half-close"),
                ),
            ),
        ),
        Kind("drop", "lose a message", Where.MESSAGE | Where.SENDER, Default.MESSAGE),
        Kind(
            "duplicate",
            "repeat a message",
            Where.MESSAGE | Where.SENDER,
            Default.MESSAGE,
            (Key("copies", Form.NUMBER, "how often", 1, limits.FAULT_COUNT, "1"),),
        ),
        Kind(
            "reorder",
            "let the next message overtake this one",
            Where.MESSAGE | Where.SENDER,
            Default.MESSAGE,
            (_seconds("the longest wait for a next message", "1"),),
        ),
        Kind(
            "truncate",
            "leave out a message's end; the line ends",
            Where.MESSAGE | Where.BYTE | Where.SENDER,
            Default.MESSAGE,
        ),
        Kind(
            "invalid-utf8",
            "put bytes into a message that aren't UTF-8",
            Where.MESSAGE | Where.BYTE | Where.SENDER,
            Default.MESSAGE,
        ),
        Kind(
            "garbage",
            "send bytes that aren't JSON",
            _STREAM,
            Default.BEGINNING,
            (_size("how many", "64"),),
        ),
        Kind(
            "flood",
            "send a text that doesn't end",
            _STREAM,
            Default.BEGINNING,
            (_size("its bytes", "256M"),),
        ),
        Kind(
            "error",
            "answer with an error; command= keeps the command from the server",
            Where.COMMAND | Where.REPLY,
            Default.REPLY,
            (
                Key("class", Form.NAME, "the error's class", default="GenericError"),
                Key("desc", Form.TEXT, "the error's text", default="injected fault"),
            ),
        ),
        Kind(
            "enlarge",
            "fill a reply up with blanks to a size",
            _REPLIES,
            Default.REPLY,
            (_size("the reply's bytes"),),
        ),
        Kind("unknown-id", "give a reply an id that no command has", _REPLIES, Default.REPLY),
        Kind(
            "swap-ids",
            "exchange a reply's id with that of another command in flight",
            _REPLIES,
            Default.REPLY,
        ),
        Kind("no-id", "leave out a reply's id", _REPLIES, Default.REPLY),
        Kind(
            "inject",
            "send an event that the server didn't",
            Where.MESSAGE | Where.MOMENT,
            Default.BEGINNING,
            (
                Key("name", Form.NAME, "the event's name", is_required=True),
                Key("data", Form.OBJECT, "the event's data"),
                Key("count", Form.NUMBER, "how many of them", 1, limits.FAULT_COUNT, "1"),
            ),
            "name",
        ),
        Kind("refuse", "end a connection before the greeting", Where(0), Default.BEGINNING),
        Kind(
            "late",
            "begin to listen later",
            Where(0),
            Default.SERVER,
            (_seconds("how much later", is_required=True),),
        ),
        Kind(
            "sigstop",
            "stop the server's process for a while",
            _STREAM,
            Default.BEGINNING,
            (_seconds("how long; by default for ever"),),
        ),
        Kind("sigkill", "kill the server's process", _STREAM, Default.BEGINNING),
        Kind(
            "exit",
            "let the server's process exit",
            _STREAM,
            Default.BEGINNING,
            (
                Key("status", Form.NUMBER, "its status", 0, 255, "1"),
                Key("text", Form.TEXT, "its last words on standard error", default="none"),
            ),
        ),
    )
}
"""All kinds of faults, by word."""

FOREIGN: Final = {
    "latency": "delay seconds=…",
    "lag": "delay seconds=…",
    "bandwidth": "drip speed=…",
    "throttle": "drip speed=…",
    "rate": "drip speed=…",
    "slicer": "slices size=…",
    "fragment": "slices size=…",
    "limit-data": "cut byte=…",
    "limit_data": "cut byte=…",
    "reset": "cut how=reset",
    "reset_peer": "cut how=reset",
    "close": "cut",
    "disconnect": "cut",
    "half-close": "cut how=half-close",
    "timeout": "stall seconds=…",
    "hang": "stall",
    "freeze": "sigstop",
    "silence": "stall",
    "loss": "drop permille=…",
    "corrupt": "garbage, truncate or invalid-utf8",
    "down": "refuse",
    "kill": "sigkill",
    "event": "inject NAME",
    "slow_close": "stall, then cut",
}
"""Words of other tools that inject faults, and ours for them."""
