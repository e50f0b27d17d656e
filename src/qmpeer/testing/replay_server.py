"""A server made of recordings, for tests."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from qmpeer.errors import ScriptMismatch
from qmpeer.faults import Faults
from qmpeer.monitor import Monitor
from qmpeer.replay import Replay, Report
from qmpeer.testing.threaded_server import ThreadedServer


class ReplayServer(ThreadedServer):
    """A server that answers as recorded, and judges what it is asked.

    Args:
        *recordings: The files, as for `qmpeer.replay.Replay.load`.
        many: Serve any number of clients at once. By default one at a time, as QEMU.
        faults: Faults between it and its clients.
        seed: The seed of their chance.
        **options: Further options of `Replay.load`, such as ``order="recorded"``, or ``server`` and
            ``add`` to ask a real server for what is missing.

    Raises:
        TranscriptError: If a file can't be replayed.
        OSError: If a file can't be read.
    """

    def __init__(
        self,
        *recordings: str | os.PathLike[str],
        many: bool = False,
        faults: Faults | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(faults=faults, seed=seed)
        self._replay = Replay.load(*recordings, **options)
        self._is_many = many
        self._monitor = Monitor(backend=self._replay, wrap=self.wrap, linger=0)

    async def run(self, path: str, when_ready: Callable[[], None]) -> None:
        """Listen, and serve."""
        await self._monitor.listen(f"unix:{path}", many=self._is_many)
        when_ready()
        await self._monitor.wait_closed()

    def end(self) -> None:
        """Disconnect all clients."""
        self._monitor.shutdown()

    def stop(self) -> None:
        """Disconnect all clients, and write what a real server has answered. Idempotent.

        Raises:
            TranscriptError: If somebody else has changed a recording meanwhile.
            OSError: If a recording can't be written.
        """
        super().stop()
        self._replay.save()

    @property
    def report(self) -> Report:
        """What was played so far, what was never asked, and what was asked in vain."""
        return self._replay.report

    def verify(self, *, allow_unexpected: bool = False, allow_unmet: bool = False) -> None:
        """Check that what was recorded was asked, and nothing else.

        Args:
            allow_unexpected: Allow commands that weren't recorded, or came out of order.
            allow_unmet: Allow recorded commands that nobody asked.

        Raises:
            ScriptMismatch: With all differences.
        """
        found = list(_faults(self.report, allow_unexpected, allow_unmet))
        if found:
            raise ScriptMismatch(tuple(found))


def _faults(report: Report, allow_unexpected: bool, allow_unmet: bool) -> Iterator[str]:
    if not allow_unexpected:
        count = report.asked_in_vain_count + report.out_of_order_count
        yield from _listed([*report.asked_in_vain, *report.out_of_order], count, "")
    if not allow_unmet:
        yield from _listed(report.never_asked, report.never_asked_count, "never asked: ")


def _listed(items: "list[Any] | tuple[Any, ...]", count: int, before: str) -> Iterator[str]:
    for each in items:
        yield f"{before}{each}"
    if count > len(items):
        yield f"… and {count - len(items)} more"
