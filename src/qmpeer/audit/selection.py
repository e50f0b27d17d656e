"""The choice of an audit log's entries."""

from typing import Final

import msgspec

from qmpeer.audit.entries import Entry
from qmpeer.messages.globs import Glob

DENIED: Final = ("denied", "would-deny")
"""What a denial is called; the second one went on, in a dry run."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that an entry must all meet; those that aren't set are met.

    Attributes:
        clients: Numbers of clients, or globs on their names: one of them.
        commands: Globs on the command's name: one of them.
        outcomes: Outcomes, or what else happened, such as "denied": one of them.
        since: The earliest time, as in the log.
        until: The time before which it was.
        slower: The least seconds that it took.
    """

    clients: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    slower: float = 0.0

    def takes(self, entry: Entry) -> bool:
        """Return whether an entry meets the conditions."""
        if self.since and entry.time < self.since:
            return False
        if self.until and entry.time >= self.until:
            return False
        if self.commands and not _fits(entry.command, self.commands):
            return False
        if self.outcomes and (entry.outcome or entry.what) not in self.outcomes:
            return False
        if self.slower and (entry.seconds is None or entry.seconds < self.slower):
            return False
        return not self.clients or self._is_of_client(entry)

    def _is_of_client(self, entry: Entry) -> bool:
        return bool(entry.client) and (
            str(entry.client) in self.clients or _fits(entry.name, self.clients)
        )


def _fits(text: str, globs: tuple[str, ...]) -> bool:
    return bool(text) and any(Glob(glob)(text) for glob in globs)
