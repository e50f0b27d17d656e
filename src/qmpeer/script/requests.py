"""The bytes of a client's requests, until the commands are executed."""

from collections import deque
from typing import Any, Final, NamedTuple

from qmpeer import limits
from qmpeer.errors import QMPError
from qmpeer.messages import CommandMessage
from qmpeer.recording.cutting import NO_VALUE, Cutter
from qmpeer.values import UNSET
from qmpeer.wire import ServerReader

_AROUND: Final = b" \t\r\n\xff"


class _Request(NamedTuple):
    data: bytes
    value: Any


class Requests:
    r"""The requests of one client that haven't been executed yet, with their bytes.

    Example:
        >>> requests = Requests()
        >>> requests.receive(b'{"execute":"stop"} {"exec-oob":"x",')
        >>> requests.receive(b' "id":1}\n')
        >>> requests.take(CommandMessage("x", id=1, is_oob=True))
        b'{"exec-oob":"x", "id":1}'
        >>> requests.take(CommandMessage("stop"))
        b'{"execute":"stop"}'
    """

    def __init__(self) -> None:
        self._cutter = Cutter(_read)
        self._waiting: deque[_Request] = deque(maxlen=limits.SCRIPT_REQUESTS)

    def receive(self, data: bytes) -> None:
        """Receive bytes, which may be a part of a request or several."""
        for piece in (*self._cutter.receive(data), *self._cutter.settle()):
            if isinstance(piece.value, dict):
                self._waiting.append(_Request(piece.data.strip(_AROUND), piece.value))

    def take(self, command: CommandMessage) -> bytes:
        """Return the bytes of a command, and forget those before it; b"" if they aren't known.

        An out-of-band command may have overtaken others, so those before it are kept.
        """
        verb = "exec-oob" if command.is_oob else "execute"
        for at, request in enumerate(self._waiting):
            value = request.value
            if value.get(verb) == command.name and value.get("id", UNSET) == command.id:
                if command.is_oob:
                    del self._waiting[at]
                else:
                    for _ in range(at + 1):
                        self._waiting.popleft()
                return request.data
        return b""


def _read(text: bytes) -> Any:
    items = ServerReader().receive_data(text.lstrip(b"\xff") + b"\n")
    return items[0] if len(items) == 1 and not isinstance(items[0], QMPError) else NO_VALUE
