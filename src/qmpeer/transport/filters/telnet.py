"""The server's end of telnet: it removes options and commands, and doubles FF.

It begins with the same options as QEMU: WILL ECHO, WILL SUPPRESS-GO-AHEAD, WILL BINARY, DO BINARY,
or those of tn3270. The peer's answers to these aren't answered again. Any other option is refused,
once in either direction. So there are no endless negotiations, and a flood of requests doesn't
cause a flood of answers. Commands have two or three bytes. Subnegotiations may have any length up
to a limit. None of them reaches the session.

[QEMU answers no request, removes one byte too many for two-byte commands except BREAK, passes
subnegotiations to the session, and doesn't double FF.]

Spec: RFC 854, RFC 855, RFC 1143 for answering each request once.
"""

import enum
import re
from typing import Final

from qmpeer import limits
from qmpeer.transport.filter import Filter, Received

_SE: Final = 0xF0
_SB: Final = 0xFA
_WILL: Final = 0xFB
_WONT: Final = 0xFC
_DO: Final = 0xFD
_DONT: Final = 0xFE
_IAC: Final = 0xFF

_START: Final = bytes.fromhex("fffb01 fffb03 fffb00 fffd00")
_START_TN3270: Final = bytes.fromhex("fffd19 fffb19 fffd00 fffb00 fffd18 fffa1801fff0")
_OFFERED: Final = re.compile(rb"\xff([\xfb\xfd])(.)", re.DOTALL)
_DOUBLED: Final = re.compile(rb"(?:\xff\xff)+")
_IDLE: Final = re.compile(rb"(?:\xff[^\xfa-\xff])+")  # commands of two bytes, without answers


class _State(enum.Enum):
    DATA = enum.auto()
    COMMAND = enum.auto()  # behind IAC
    OPTION = enum.auto()  # behind IAC and one of WILL, WONT, DO, DONT
    SUBNEGOTIATION = enum.auto()
    SUBNEGOTIATION_COMMAND = enum.auto()  # behind IAC in there


class TelnetFilter(Filter):
    r"""The telnet filter of a server. It is open from the start: telnet has no handshake.

    Args:
        is_tn3270: Offer the options of a 3270 terminal instead.

    Example:
        >>> filter = TelnetFilter()
        >>> filter.start().hex(" ", 3)
        'fffb01 fffb03 fffb00 fffd00'
        >>> filter.receive(b"a\xff\xf1b\xff\xffc")
        ([b'ab\xffc'], b'')
    """

    __slots__ = ("_agreed", "_refused", "_size", "_start", "_state", "_verb")

    def __init__(self, *, is_tn3270: bool = False) -> None:
        super().__init__()
        self._start = _START_TN3270 if is_tn3270 else _START
        # A DO for our WILL, or a WILL for our DO, is an answer and not a request.
        answers = {_WILL: _DO, _DO: _WILL}
        self._agreed = {
            (answers[verb[0]], option[0]) for verb, option in _OFFERED.findall(self._start)
        }
        self._refused: set[tuple[int, int]] = set()
        self._state = _State.DATA
        self._verb = 0
        self._size = 0  # of the subnegotiation

    @property
    def name(self) -> str:
        """Its name in the log."""
        return "telnet"

    @property
    def can_half_close(self) -> bool:
        """True: telnet has no goodbye."""
        return True

    def start(self) -> bytes:
        """Return the options that we offer and request."""
        self._open()
        return self._start

    def receive(self, data: bytes) -> Received:
        """Decode bytes: remove commands, and halve doubled FFs."""
        if self.failure is not None or self.has_ended or not data:
            return [], b""
        if self._state is _State.DATA and _IAC not in data:
            return [data], b""
        pieces: list[bytes] = []
        replies: list[bytes] = []
        position = 0
        while position < len(data) and self.failure is None:
            match self._state:
                case _State.DATA:
                    position = self._take_data(data, position, pieces)
                case _State.COMMAND:
                    self._take_command(data[position], pieces)
                    position += 1
                case _State.OPTION:
                    replies.append(self._answer(self._verb, data[position]))
                    self._state = _State.DATA
                    position += 1
                case _:
                    position = self._skip(data, position)
        text = b"".join(pieces)
        return [text] if text else [], b"".join(replies)

    def send(self, data: bytes) -> bytes:
        """Double FF; JSON doesn't contain it."""
        if not self.is_open:
            return b""
        return data.replace(b"\xff", b"\xff\xff") if _IAC in data else data

    def _take_data(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        found = data.find(_IAC, position)
        if found < 0:
            pieces.append(data[position:])
            return len(data)
        pieces.append(data[position:found])
        if doubled := _DOUBLED.match(data, found):
            pieces.append(bytes(doubled[0][::2]))
            return doubled.end()
        # A run of two-byte commands is skipped at once, for speed.
        if idle := _IDLE.match(data, found):
            return idle.end()
        self._state = _State.COMMAND
        return found + 1

    def _take_command(self, command: int, pieces: list[bytes]) -> None:
        self._state = _State.DATA
        if command == _IAC:
            pieces.append(b"\xff")
        elif command == _SB:
            self._state = _State.SUBNEGOTIATION
            self._size = 0
        elif _WILL <= command <= _DONT:
            self._state = _State.OPTION
            self._verb = command

    def _answer(self, verb: int, option: int) -> bytes:
        request = (verb, option)
        # WONT and DONT need no answer: the option is off already, or one that we don't give up.
        if verb in (_WONT, _DONT) or request in self._agreed or request in self._refused:
            return b""
        self._refused.add(request)
        return bytes((_IAC, _DONT if verb == _WILL else _WONT, option))

    def _skip(self, data: bytes, position: int) -> int:
        start = position
        if self._state is _State.SUBNEGOTIATION:
            found = data.find(_IAC, position)
            position = len(data) if found < 0 else found + 1
            if found >= 0:
                self._state = _State.SUBNEGOTIATION_COMMAND
        else:
            is_end = data[position] == _SE
            self._state = _State.DATA if is_end else _State.SUBNEGOTIATION
            position += 1
        self._size += position - start
        if self._size > limits.TELNET_SUBNEGOTIATION and self._state is not _State.DATA:
            self._fail(f"a subnegotiation is longer than {limits.TELNET_SUBNEGOTIATION} bytes")
        return position
