r"""The lines that begin with ``@``: entries of a transcript that aren't messages.

::

    @ connection 2
    @ opened
    @ closed
    @ closed by server
    @ closed by client: the deadline has passed
    @ time 2.500
    @ descriptors 1 from client
    @ noise from server \xff\xff

Text and bytes have escapes as the bytes of messages have them.
"""

import re
from difflib import get_close_matches
from math import inf, isfinite
from typing import Final

from qmpeer.transcript.entries import (
    Closed,
    Descriptors,
    Elapsed,
    Entry,
    Noise,
    OnConnection,
    Opened,
    Sender,
)
from qmpeer.transcript.escapes import escaped, unescaped

_SENDERS: Final = {sender.noun: sender for sender in Sender}
_USAGE: Final = {
    "closed": "'@ closed', 'by client' or 'by server' if that is known, ': ' and a reason",
    "connection": "'@ connection' and a number from 1",
    "descriptors": "'@ descriptors', a number from 1, 'from client' or 'from server'",
    "noise": "'@ noise from client' or '@ noise from server', and bytes",
    "opened": "'@ opened' alone",
    "time": "'@ time' and seconds",
}
_DIRECTIVE: Final = re.compile(r"@ *([^ :]*)(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r" +([1-9][0-9]{0,8})")
_SECONDS: Final = re.compile(r" +([0-9]{1,400}(?:\.[0-9]{1,400})?(?:e-[0-9]{1,3})?)")
_CLOSED: Final = re.compile(r"(?: +by (client|server))?(?:: ?(.*))?")
_DESCRIPTORS: Final = re.compile(r" +([1-9][0-9]{0,8}) from (client|server)")
_NOISE: Final = re.compile(r" +from (client|server)(?: (.*))?")


def parse_directive(line: str) -> Entry | str:
    """Return the entry that a directive is, or what was expected in its place.

    Args:
        line: The whole line, without control characters and without blanks at its end.
    """
    found = _DIRECTIVE.match(line)
    assert found is not None
    name, operands = found.groups()
    if name not in _USAGE:
        near = get_close_matches(name[:20], _USAGE, 1, 0.5)
        hint = f" (did you mean '@ {near[0]}'?)" if near else ""
        return f"'@' and one of {', '.join(_USAGE)}{hint}"
    return _entry(name, operands) or _USAGE[name]


def _entry(name: str, operands: str) -> Entry | None:
    match name:
        case "opened":
            return None if operands else Opened()
        case "connection":
            found = _NUMBER.fullmatch(operands)
            return OnConnection(int(found[1])) if found else None
        case "time":
            found = _SECONDS.fullmatch(operands)
            seconds = float(found[1]) if found else inf
            return Elapsed(seconds) if isfinite(seconds) else None
        case "closed":
            return _closed(operands)
        case "descriptors":
            found = _DESCRIPTORS.fullmatch(operands)
            return Descriptors(_SENDERS[found[2]], int(found[1])) if found else None
    found = _NOISE.fullmatch(operands)
    return Noise(_SENDERS[found[1]], unescaped((found[2] or "").encode())) if found else None


def _closed(operands: str) -> Closed | None:
    found = _CLOSED.fullmatch(operands)
    if found is None:
        return None
    try:
        reason = unescaped((found[2] or "").encode()).decode()
    except UnicodeDecodeError:
        return None
    return Closed(_SENDERS[found[1]] if found[1] else None, reason)


def format_directive(entry: Entry) -> str:
    """Return the line of an entry that is no message, without its line end.

    Raises:
        ValueError: If a number in it can't be in a transcript.
    """
    line = _line_of(entry)
    if isinstance(expected := parse_directive(line), str):
        raise ValueError(f"found {line!r}, expected {expected}")
    return line


def _line_of(entry: Entry) -> str:
    match entry:
        case Opened():
            return "@ opened"
        case OnConnection(number):
            return f"@ connection {number}"
        case Elapsed(seconds):
            text = f"{seconds:.3f}"
            return f"@ time {text if float(text) == seconds else repr(float(seconds))}"
        case Descriptors(sender, count):
            return f"@ descriptors {count} from {sender.noun}"
        case Noise(sender, data):
            return f"@ noise from {sender.noun} {escaped(data)}".rstrip()
        case Closed(by, reason):
            who = f" by {by.noun}" if by else ""
            text = escaped(reason.encode("utf-8", "backslashreplace"))
            return f"@ closed{who}: {text}" if text else f"@ closed{who}"
    raise TypeError(f"found {type(entry).__name__}, expected an entry of a transcript")
