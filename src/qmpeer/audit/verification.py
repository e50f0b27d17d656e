"""Verification of an audit log: whether each record is there, unchanged and in its place.

The files are read once, from the oldest record to the newest, in constant memory. The first fault
ends it: behind a record that isn't the one that was written, the chain says nothing any more.

Bytes that are no record are no fault if the next record explains them, with their number and their
digest: the writer has found a torn line, from a full disk or a loss of power.
"""

from collections.abc import Iterable, Mapping
from io import BufferedReader
from typing import Any, Final

import msgspec

from qmpeer.audit.chain import NOTHING, Chain, key_name, parted
from qmpeer.audit.chain_file import Torn
from qmpeer.audit.reading import lines_of
from qmpeer.values import JsonValue

_WHAT: Final = 120
"""Bytes at the beginning of a line in which its "what" stands."""


class Fault(msgspec.Struct, frozen=True):
    """The first fault of a log.

    Attributes:
        file: The file.
        line: The line in it, counted from 1; 0 for none.
        number: The number of the record that was expected there.
        reason: What was found, and what was expected.
    """

    file: str
    line: int
    number: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.reason}"


class _Before(msgspec.Struct):
    """The end of the file before, as a file's first record tells it."""

    mac: str


class _First(msgspec.Struct):
    """The members of a file's first record."""

    number: int
    what: str
    log: str
    key: str = ""
    before: _Before | None = None


class _Trouble(msgspec.Struct):
    """The members of a record about trouble."""

    lost: int = 0
    refused: int = 0
    torn: Any = None


class _Number(msgspec.Struct):
    number: int


class Verifier:
    """The verification of one log.

    Args:
        key: The key; None for a log without one.
        heads: Heads that were sent elsewhere: the mac by the number of the record. A number with
            two different macs has "".

    Attributes:
        log: The log's id; "" before its first record.
        key: The name of the key; "" for none.
        first: The number of the first record.
        last: The number of the last record that is right.
        mac: Its mac.
        proved: The number of the last record that a head proves; 0 for none.
        lost: The records that the log itself says are lost.
        troubles: The records about trouble.
        is_closed: True if the last record says that the log was closed.
        fault: The first fault, if one was found.
    """

    def __init__(self, key: bytes | None, heads: Mapping[int, str]) -> None:
        self.log: str = ""
        self.first: int = 0
        self.last: int = 0
        self.mac: str = NOTHING
        self.proved: int = 0
        self.lost: int = 0
        self.troubles: int = 0
        self.is_closed: bool = False
        self.fault: Fault | None = None
        self.key: str = key_name(key)
        self._chain = Chain(key)
        self._heads = heads

    def read(self, files: Iterable[tuple[str, BufferedReader]]) -> None:
        """Verify files, the oldest first, until the first fault."""
        name = ""
        for name, file in files:
            self._read_file(name, file)
            if self.fault is not None:
                return
        cut = [number for number in self._heads if number > self.last]
        if cut:
            found = f"found the end behind record {self.last}"
            self._fault(name, 0, f"{found}, expected record {max(cut)}, whose head was sent")

    def _fault(self, name: str, line: int, reason: str) -> None:
        self.fault = Fault(name, line, self.last + 1, reason)

    def _read_file(self, name: str, file: BufferedReader) -> None:
        number, torn_line, doubt = 0, 0, ""
        torn: Torn | None = None  # what isn't explained yet
        mac_of, heads = self._chain.mac, self._heads
        for line in lines_of(file):
            number += 1
            if number == 1 and not self._begin_file(name, line):
                return
            expected = self.last + 1
            parts = parted(line[:-1]) if line.endswith(b"\n") else None
            if (
                parts is None
                or not line.startswith(b'{"number":%d,' % expected)
                or parts[1] != mac_of(self.mac, parts[0])
            ):
                if torn is None:
                    torn, torn_line, doubt = Torn(b""), number, _doubt(line, expected)
                torn = torn.plus(line)
                continue
            head = line[:_WHAT]
            if b'"what":"trouble"' in head:
                explained = self._trouble(line)
                if explained != (None if torn is None else torn.fact):
                    doubt = doubt or f"record {expected} explains bytes that aren't there"
                    self._fault(name, torn_line or number, doubt)
                    return
                torn, torn_line, doubt = None, 0, ""
            elif torn is not None:
                break
            self.last, self.mac = expected, parts[1]
            self.is_closed = b'"what":"closed"' in head
            if expected in heads:
                if heads[expected] != parts[1]:
                    reason = f"record {expected} isn't the one whose head was sent"
                    self._fault(
                        name, number, f"{reason}: the log was written anew from an earlier one"
                    )
                    return
                self.proved = expected
        if number == 0:
            self._fault(name, 0, "found an empty file, expected an audit log")
        elif torn is not None:
            self._fault(name, torn_line, doubt)

    def _trouble(self, line: bytes) -> JsonValue:
        """Count what a record says is lost, and return what it says about torn bytes."""
        trouble: _Trouble = msgspec.json.decode(line, type=_Trouble)
        self.troubles += 1
        self.lost += trouble.lost
        torn: JsonValue = trouble.torn
        return torn

    def _begin_file(self, name: str, line: bytes) -> bool:
        """Check that the right file begins with this line, whose mac is checked later."""
        try:
            first = msgspec.json.decode(line, type=_First)
        except (msgspec.MsgspecError, ValueError):
            self._fault(name, 1, "found another line, expected the first record of a file")
            return False
        if first.key != self.key:
            found, expected = (f"key {key}" if key else "no key" for key in (first.key, self.key))
            reason = f"found a log with {found}, expected one with {expected}"
        elif not self.log:
            reason = self._begin_log(first)
        elif first.log != self.log:
            reason = f"found log {first.log}, expected log {self.log} to go on"
        elif first.number != self.last + 1:
            reason = _doubt(line, self.last + 1)
        elif first.before is None or first.before.mac != self.mac:
            reason = f"found a file that isn't behind record {self.last}"
        else:
            reason = ""
        if reason:
            self._fault(name, 1, reason)
        return not reason

    def _begin_log(self, first: _First) -> str:
        """Begin with the first record of the oldest file, and return what is wrong with it."""
        self.log = first.log
        if first.before is not None:
            self.last, self.mac = first.number - 1, first.before.mac
        elif first.number != 1:
            return f"found record {first.number}, expected record 1: earlier ones are missing"
        self.first = first.number
        return ""


def _doubt(line: bytes, expected: int) -> str:
    """Describe a line that isn't the expected record."""
    if not line.endswith(b"\n"):
        found = "found the beginning of a record" if line.startswith(b"{") else "found no record"
        return f"{found}, expected record {expected} and a line ending: the end is cut"
    try:
        number = msgspec.json.decode(line, type=_Number).number
    except (msgspec.MsgspecError, ValueError):
        return f"found no record, expected record {expected}"
    if number > expected:
        return f"found record {number}, expected record {expected}: one is missing or out of place"
    if number < expected:
        return f"found record {number} again, expected record {expected}"
    return f"record {number} isn't as it was written, or is from another log"
