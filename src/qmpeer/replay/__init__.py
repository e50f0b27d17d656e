"""A server made of a recording.

Names are imported on first use: other rooms need only the patterns and the report.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.replay.differences import Difference
    from qmpeer.replay.replay import Replay
    from qmpeer.replay.report import Miss, Report, ReportedCommand

__all__ = ["Difference", "Miss", "Replay", "Report", "ReportedCommand"]

_HOMES = {
    "Difference": "qmpeer.replay.differences",
    "Miss": "qmpeer.replay.report",
    "Replay": "qmpeer.replay.replay",
    "Report": "qmpeer.replay.report",
    "ReportedCommand": "qmpeer.replay.report",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
