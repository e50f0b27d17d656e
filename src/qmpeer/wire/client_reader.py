"""The client's reader, which parses the messages of any server.

It accepts more than QEMU does, because it must not lose a message for a formality. msgspec parses
whole lines; only lines that it refuses take a slower path. That path is bounded, because a server
may be hostile. Long work is done in steps, so that a waiting caller can check its deadline in
between.

A text of more than ``limits.TOLERANT_SIZE`` bytes must be JSON, except for the inf and nan that
QEMU writes. A shorter one may be anything that QEMU's own reader accepts. One bad text gives one
error.
"""

import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from qmpeer import limits
from qmpeer.errors import LimitError, QMPError, WireError
from qmpeer.wire.structure import Balance, may_have_odd_numbers, nulls_for_odd_numbers

if TYPE_CHECKING:
    from qmpeer.wire.tolerant import Item, TolerantReader


T = TypeVar("T")
Steps: TypeAlias = "Generator[list[T | Item], None, list[T | Item]]"
"""A generator that yields the items of each step, and returns those of the last step."""

_decode_plainly = msgspec.json.Decoder().decode_lines
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_STRUCTURE = b"[]{},:"
_STEP = 16 * 1024
"""The number of bytes that the tolerant reader handles in one step."""
_ERRING_STEP = 1024
"""The same after an error: each byte may be another error, which takes far longer."""
_STEPS_AT_ONCE = 4
"""The number of steps done at once, so that short texts are finished immediately."""
_STEP_LINES = 256
"""The number of odd lines read in one step."""
# Compiled on first use, which is rare: each compiled pattern delays a client's start.
_LONE_BRACE = rb"\n\}\r?\n"


class ClientReader(Generic[T]):
    """A reader of a server's messages, with or without line endings.

    Each message is decoded into the decoder's type, or into a plain value if the decoder refuses
    it. Lines end with LF or CR LF, and a value may span many lines (pretty monitors write that). FF
    bytes between values are skipped (the guest agent sends them). The inf and nan that QEMU writes
    for some doubles become null, as do Python's Infinity and NaN.

    Args:
        decoder: The decoder of a message.
        message_limit: The size of the longest message in bytes; None for ``limits.MESSAGE_SIZE``.

    Attributes:
        is_busy: True if `resume` must be called before more data is received.
    """

    __slots__ = (
        "_balance",
        "_decoder",
        "_has_erred",
        "_is_pretty",
        "_message_limit",
        "_parts",
        "_rest",
        "_size",
        "_steps",
        "_structure",
        "_tolerant",
        "_tolerant_size",
        "is_busy",
    )

    def __init__(
        self, decoder: "msgspec.json.Decoder[T]", message_limit: int | None = None
    ) -> None:
        self._decoder = decoder
        self._message_limit = limits.MESSAGE_SIZE if message_limit is None else message_limit
        self._steps: Steps[T] | None = None
        self.is_busy: bool = False
        self._rest = b""
        self._tolerant: TolerantReader | None = None
        self._tolerant_size = 0
        self._has_erred = False
        self._parts: list[bytes] = []
        self._forget()

    def _forget(self) -> None:
        self._parts.clear()
        self._size = 0
        self._structure = 0
        self._balance = Balance()
        self._is_pretty = False

    def receive_data(self, data: bytes) -> "list[T | Item]":
        """Receive bytes and return the messages and errors that they complete, in order.

        Errors are items of the result; nothing is raised. A message longer than the limit gives a
        LimitError and is dropped. If `is_busy` is true afterwards, the work isn't finished.
        """
        # The fast path: whole lines, and no unfinished work.
        if (
            data[-1:] == b"\n"
            and not self._parts
            and self._steps is None
            and self._tolerant is None
            and len(data) <= limits.TOLERANT_SIZE
        ):
            try:
                return self._decoder.decode_lines(data)  # type: ignore[return-value]  # lists are invariant
            except _REFUSED:
                return self._begin_steps(data, b"")
        items: list[T | Item] = []
        while self._steps is not None:
            items += self.resume()
        return items + self._receive_part(data)

    def resume(self) -> "list[T | Item]":
        """Continue the unfinished work of `receive_data`; return the items that it completes."""
        if self._steps is None:
            return []
        try:
            return next(self._steps)
        except StopIteration as end:
            items: list[T | Item] = end.value
            self._steps = None
            self.is_busy = False
            rest, self._rest = self._rest, b""
            return items + self._receive_part(rest) if rest else items

    def _begin_steps(self, head: bytes, rest: bytes) -> "list[T | Item]":
        """Start reading whole texts in steps, and do the first steps; keep `rest` for later."""
        self._steps = self._read_lines(head)
        self.is_busy = True
        self._rest = rest
        items = self.resume()
        if len(head) <= limits.TOLERANT_SIZE:
            for _ in range(_STEPS_AT_ONCE):
                items += self.resume()
        return items

    def _receive_part(self, data: bytes) -> "list[T | Item]":
        if self._tolerant is not None:
            return self._begin_steps(data, b"")
        cut = self._cut(data)
        self._size += cut or len(data)
        error = self._passed_limit(data[:cut] if cut else data)
        if error is not None:
            self._forget()
            return [error]
        if not cut:
            self._parts.append(data)
            # A message without a line ending is probably whole once all brackets are closed.
            if data[-1:] != b"}" or not self._balance.is_even(self._parts):
                return []
            cut = len(data)
            self._parts.pop()
        head = b"".join((*self._parts, data[:cut]))
        rest = data[cut:]
        self._forget()
        if len(head) <= limits.TOLERANT_SIZE:
            try:
                items: list[T | Item] = [*self._decoder.decode_lines(head)]
            except _REFUSED:
                pass
            else:
                return items + self._receive_part(rest) if rest else items
        return self._begin_steps(head, rest)

    def _passed_limit(self, data: bytes) -> LimitError | None:
        """Count the bytes and brackets of a message; return the error if they pass a limit."""
        if self._size > self._message_limit:
            most = self._message_limit
            return LimitError(f"a message is longer than {most} bytes", "MESSAGE_SIZE", most)
        if self._size > limits.TOLERANT_SIZE:
            uncounted = data if self._structure else b"".join((*self._parts, data))
            self._structure += len(uncounted) - len(uncounted.translate(None, _STRUCTURE))
            if self._structure > limits.MESSAGE_STRUCTURE:
                most = limits.MESSAGE_STRUCTURE
                text = f"a message has more than {most} brackets, commas and colons"
                return LimitError(text, "MESSAGE_STRUCTURE", most)
        return None

    def _cut(self, data: bytes) -> int:
        """Return the size of the whole lines; in pretty output, up to a lone closing brace."""
        if not self._is_pretty:
            return data.rfind(b"\n") + 1
        before = b"".join(self._parts[-3:])[-3:]  # the line may have begun in earlier data
        return max(0, _after_lone_brace(before + data) - len(before))

    # In steps

    def _read_lines(self, head: bytes) -> "Steps[T]":
        """Read whole texts, at least one of them odd or long."""
        items: list[T | Item] = []
        count = start = 0
        while start < len(head):
            end = head.find(b"\n", start) + 1 or len(head)
            line = head if end - start == len(head) else head[start:end]
            count += 1
            if self._tolerant is not None:
                items += yield from self._read_tolerantly(line)
            elif len(line) <= 3 and line.rstrip() == b"{":
                items += yield from self._read_pretty(head[start:])
                break
            elif line := line.lstrip(b"\xff"):
                items += yield from self._read_text(line)
            start = end
            if count % _STEP_LINES == 0:
                yield items
                items = []
        return items

    def _read_pretty(self, text: bytes) -> "Steps[T]":
        cut = _after_lone_brace(text)
        items: list[T | Item] = []
        if cut:
            items += yield from self._read_text(text[:cut])
        rest = text[cut:]
        is_pretty = rest[:1] == b"{" and rest[1:3].lstrip(b"\r")[:1] in (b"", b"\n")
        if self._tolerant is None and (is_pretty or not cut):
            self._is_pretty = True  # another pretty message has begun
        else:  # the server has changed to another form
            whole = rest.rfind(b"\n") + 1
            items += yield from self._read_lines(rest[:whole])
            rest = rest[whole:]
        if rest and self._tolerant is not None:
            items += yield from self._read_tolerantly(rest)
        elif rest:
            self._parts.append(rest)
            self._size += len(rest)
        return items

    def _read_text(self, text: bytes) -> "Steps[T]":
        """Read messages that msgspec may refuse."""
        is_long = len(text) > limits.TOLERANT_SIZE
        if is_long:
            yield []
        items, refusal = self._decoded(text)
        if type(refusal) is msgspec.DecodeError and may_have_odd_numbers(text):
            pieces = []
            for piece in nulls_for_odd_numbers(text):
                pieces.append(piece)
                yield []
            items, refusal = self._decoded(b"".join(pieces))
        if refusal is None:
            return items
        if not is_long:
            self._tolerant = _tolerant_reader()
            items = yield from self._read_tolerantly(text)
            return items
        yield []
        if isinstance(refusal, msgspec.ValidationError):  # JSON, but not a message
            try:
                return [*_decode_plainly(text)]
            except _REFUSED as error:
                refusal = error
        return [WireError(f"a message of {len(text)} bytes can't be read: {refusal}")]

    def _decoded(self, text: bytes) -> "tuple[list[T | Item], Exception | None]":
        try:
            return [*self._decoder.decode_lines(text)], None
        except _REFUSED as error:
            return [], error

    def _read_tolerantly(self, data: bytes) -> "Steps[T]":
        """Read in QEMU's dialect; only the first error of a text counts."""
        items: list[T | Item] = []
        tolerant = self._tolerant
        assert tolerant is not None
        at = 0
        while at < len(data):
            piece = data[at : at + (_ERRING_STEP if self._has_erred else _STEP)]
            at += len(piece)
            self._tolerant_size += len(piece)
            if self._tolerant_size > limits.TOLERANT_SIZE:
                self._end_text()
                most = limits.TOLERANT_SIZE
                text = f"a message longer than {most} bytes isn't JSON"
                items.append(LimitError(text, "TOLERANT_SIZE", most))
                return items
            for item in tolerant.receive_data(piece):
                if not isinstance(item, QMPError):
                    items.append(item)
                elif not self._has_erred:
                    self._has_erred = True
                    items.append(item)
            if at < len(data):
                yield items
                items = []
        if tolerant.is_idle:
            self._end_text()
        elif data[-1:] == b"\n":
            self._has_erred = False
        return items

    def _end_text(self) -> None:
        self._tolerant = None
        self._tolerant_size = 0
        self._has_erred = False


def _tolerant_reader() -> "TolerantReader":
    """Return a new tolerant reader, imported on first use: compiling its patterns takes a while."""
    from qmpeer.wire.tolerant import TolerantReader  # start: 5 ms

    return TolerantReader()


def _after_lone_brace(text: bytes) -> int:
    """Return the end of the last line that holds only a closing brace; 0 if there is none."""
    end = 0
    for match in re.finditer(_LONE_BRACE, text):
        end = match.end()
    return end
