"""Judges of QMP programs: the rules that a server keeps, and the servers that a client can bear."""

from typing import TYPE_CHECKING

from qmpeer.conformance.report import Report
from qmpeer.conformance.results import Case, Level, Outcome, Result
from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.conformance.clients.judge import client_cases, judge_client
    from qmpeer.conformance.report_formats import FORMATS
    from qmpeer.conformance.servers.judging import cases, judge

__all__ = [
    "FORMATS",
    "Case",
    "Level",
    "Outcome",
    "Report",
    "Result",
    "cases",
    "client_cases",
    "judge",
    "judge_client",
]

_HOMES = {
    "FORMATS": "qmpeer.conformance.report_formats",
    "client_cases": "qmpeer.conformance.clients.judge",
    "judge_client": "qmpeer.conformance.clients.judge",
    "cases": "qmpeer.conformance.servers.judging",
    "judge": "qmpeer.conformance.servers.judging",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
