"""The cases of servers and guest agents, a module for each subject."""

from typing import Final

from qmpeer.conformance.servers.cases import (
    agents,
    broken_texts,
    commands,
    events,
    introspection,
    negotiation,
    out_of_band,
    replies,
    texts,
)
from qmpeer.conformance.servers.table import TableEntry

_SUBJECTS: Final = (
    texts,
    broken_texts,
    negotiation,
    agents,
    commands,
    introspection,
    events,
    out_of_band,
    replies,
)
"""The subjects in the order in which they are tried; the last cases of the last end the server."""

ENTRIES: Final[tuple[TableEntry, ...]] = tuple(
    entry for subject in _SUBJECTS for entry in subject.CASES
)
"""All cases, in the order in which they are tried."""
