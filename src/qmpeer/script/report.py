"""The report of a scripted server: how much it was asked, and what doesn't fit."""

from collections.abc import Iterator

import msgspec

from qmpeer.script.mismatches import Kind, Mismatch
from qmpeer.script.script import Script
from qmpeer.values import JsonObject


class ScriptReport(msgspec.Struct, frozen=True):
    """The outcome of a script, as if no more commands came.

    Attributes:
        calls: The number of commands that came.
        mismatches: The differences between the script and what came.
    """

    calls: int
    mismatches: tuple[Mismatch, ...] = ()

    @classmethod
    def of(cls, script: Script, *, waived: frozenset[Kind] = frozenset()) -> "ScriptReport":
        """Return the report of a script, without mismatches of some kinds."""
        found = (each for each in script.outcome() if each.kind not in waived)
        return cls(len(script.calls), tuple(found))

    @property
    def is_met(self) -> bool:
        """True if nothing differs."""
        return not self.mismatches

    def to_json(self) -> JsonObject:
        """Return the report as a JSON value."""
        value: JsonObject = msgspec.json.decode(msgspec.json.encode(self))
        value["is_met"] = self.is_met
        return value

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Give the lines of the report as text."""
        yield f"asked: {self.calls} command{'s' * (self.calls != 1)}"
        yield f"mismatches: {len(self.mismatches)}"
        for each in self.mismatches:
            for at, line in enumerate(each.lines()):
                yield f"{'    ' if at else '  '}{line}"
