"""A server made of a recording."""

from qmpeer.replay.differences import Difference
from qmpeer.replay.replay import Replay
from qmpeer.replay.report import Miss, Report, ReportedCommand

__all__ = ["Difference", "Miss", "Replay", "Report", "ReportedCommand"]
