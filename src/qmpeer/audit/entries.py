"""The entries of an audit log for readers: a command's two records joined into one."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from qmpeer import limits
from qmpeer.values import UNSET, JsonObject, UnsetType

UNKNOWN: Final = "unknown"
"""The outcome of a command without a second record."""
_WHAT: Final = 120
"""Bytes at the beginning of a line in which its "what" stands."""


class _Record(msgspec.Struct, kw_only=True):
    number: int
    time: str
    what: str
    client: int = 0
    command: str = ""
    arguments: msgspec.Raw | UnsetType = UNSET
    is_cut: bool = msgspec.field(default=False, name="cut")
    rule: str | None = None
    is_oob: bool = msgspec.field(default=False, name="oob")
    fds: int = 0


class Entry(_Record, kw_only=True, omit_defaults=True):
    """A command, or another record.

    Attributes:
        number: The number of its record; a command's first one.
        time: When it was made, UTC.
        what: "command", or what happened, such as "denied".
        client: The client's number; 0 for none.
        command: The command's name; "" for none.
        arguments: Its arguments as JSON; unset if there are none.
        is_cut: True if its arguments were too long.
        rule: The rule that decided.
        is_oob: True if it is executed out of band.
        fds: The descriptors that came with it.
        name: The client's listener, certificate, process and user, as far as the log says them.
        outcome: The outcome, as in the log, or `UNKNOWN`; "" for other records.
        seconds: The time that it took; None if its outcome isn't known.
        error_class: The class of an error.
        desc: The description of an error.
        facts: The other members of another record.
    """

    name: str = ""
    outcome: str = ""
    seconds: float | None = None
    error_class: str = msgspec.field(default="", name="class")
    desc: str = ""
    facts: dict[str, Any] = {}


class _End(msgspec.Struct):
    begin: int
    outcome: str
    seconds: float
    error_class: str = msgspec.field(default="", name="class")
    desc: str = ""


_begin: Final = msgspec.json.Decoder(Entry).decode
_end: Final = msgspec.json.Decoder(_End).decode
_record: Final = msgspec.json.Decoder(_Record).decode
_facts: Final = msgspec.json.Decoder(dict[str, Any]).decode
_FAULTS: Final = (msgspec.MsgspecError, ValueError)
_OWN: Final = {*_Record.__struct_encode_fields__, "mac"}
"""Members of other records that have a place of their own in an entry."""


class Entries:
    """The entries of a log's lines.

    A command comes once it has ended, with the time at which it began, so entries may be out of
    order by what commands take. Lines that are no records are left out and counted.

    Attributes:
        skipped: The lines that were left out.
    """

    def __init__(self) -> None:
        self.skipped: int = 0
        self._open: dict[int, Entry] = {}  # by number
        self._names: dict[int, str] = {}  # of clients

    def of(self, lines: Iterable[bytes]) -> Iterator[Entry]:
        """Yield the entries that end in these lines, which may be continued in another call."""
        for line in lines:
            head = line[:_WHAT]
            try:
                if b'"what":"begin"' in head:
                    yield from self._begin(_begin(line))
                elif b'"what":"end"' in head:
                    end = _end(line)
                    entry = self._open.pop(end.begin, None)
                    if entry is not None:
                        entry.outcome, entry.seconds = end.outcome, end.seconds
                        entry.error_class, entry.desc = end.error_class, end.desc
                        yield entry
                else:
                    yield from self._other(line)
            except _FAULTS:
                self.skipped += 1

    def rest(self) -> Iterator[Entry]:
        """Yield the commands that have no second record."""
        entries, self._open = self._open, {}
        for entry in entries.values():
            entry.outcome = UNKNOWN
            yield entry

    def _begin(self, entry: Entry) -> Iterator[Entry]:
        entry.what = "command"
        entry.name = self._names.get(entry.client, "")
        self._open[entry.number] = entry
        if len(self._open) > limits.AUDIT_OPEN:  # the first record of a log that lacks second ones
            oldest = self._open.pop(next(iter(self._open)))
            oldest.outcome = UNKNOWN
            yield oldest

    def _other(self, line: bytes) -> Iterator[Entry]:
        record = _record(line)
        facts = {name: value for name, value in _facts(line).items() if name not in _OWN}
        if record.what == "opened":  # by another process: commands before it have no end
            self._names.clear()
            yield from self.rest()
        elif record.what == "connected":
            self._names[record.client] = _name(facts)
        name = self._names.get(record.client, "")
        if record.what == "left":
            self._names.pop(record.client, None)
        yield Entry(**msgspec.structs.asdict(record), name=name, facts=facts)


def _name(facts: JsonObject) -> str:
    """Return a client's name: the parts that tell it from others."""
    parts = [facts.get(each) for each in ("listener", "certificate", "process")]
    uid = facts.get("uid")
    user = [f"uid {uid}"] if isinstance(uid, int) else []
    return ", ".join([*(each for each in parts if isinstance(each, str) and each), *user])


def entry_value(entry: Entry) -> JsonObject:
    """Return an entry as a JSON value, with the members of another record beside the others."""
    value: JsonObject = msgspec.json.decode(msgspec.json.encode(entry))
    facts = value.pop("facts", {})
    assert isinstance(facts, dict)
    return {**value, **facts}
