"""The servers of one test, and its outcome."""

import sys
from collections.abc import Iterator

from qmpeer import limits
from qmpeer.errors import ScriptMismatch
from qmpeer.testing.interface import Server
from qmpeer.testing.leaks import LeakWatch


class ItemState:
    """The servers of one test, from the start of the first one to the test's report.

    Attributes:
        servers: The servers, by the name of their fixture.
        has_failed: True once the test has raised something.
        leaks: The watch for what it leaves open, or None.
    """

    def __init__(self, watches_leaks: bool) -> None:
        self.servers: dict[str, Server] = {}
        self.has_failed: bool = False
        self.leaks: LeakWatch | None = LeakWatch() if watches_leaks else None

    def sections(self, phase: str) -> Iterator[tuple[str, str]]:
        """Give the sections for the report of a failure: a title, and a text.

        Args:
            phase: The phase of the test that has failed: "setup", "call" or "teardown".
        """
        for name, server in self.servers.items():
            ending = f" of {name}" if len(self.servers) > 1 else ""
            if phase == "call" and (text := mismatches_of(server)):
                yield f"qmp mismatches{ending}", text
            if text := newest(server.conversation):
                yield f"qmp conversation{ending}", text


def mismatches_of(server: Server) -> str:
    """Return the text of what came and didn't fit, when the test itself has failed; "" for none."""
    try:
        server.verify(allow_unmet=True)
    except ScriptMismatch as error:
        return mismatch_text(error)
    return ""


def mismatch_text(error: ScriptMismatch) -> str:
    """Return the text of the first mismatches, the number of the others, and the note."""
    most = limits.TESTING_MISMATCHES
    lines = list(error.mismatches[:most])
    if len(error.mismatches) > most:
        lines.append(f"… and {len(error.mismatches) - most} more")
    if error.note:
        lines.append(f"note: {error.note}")
    return "\n".join(lines)


def newest(conversation: str) -> str:
    """Return the newest lines of a conversation, within the limit for a report."""
    text = conversation.rstrip()
    if len(text) <= limits.TESTING_CONVERSATION:
        return text
    end = text[-limits.TESTING_CONVERSATION :]
    kept = end.partition("\n")[2] or end
    left_out = text.count("\n") - kept.count("\n")
    return f"… {left_out} earlier lines\n{kept}"


def hide_our_frames(error: BaseException) -> None:
    """End a traceback at the line that called this package: the rest tells a stranger nothing."""
    ours = sys.modules["qmpeer"].__path__[0]
    last, entry = None, error.__traceback__
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(ours):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None
