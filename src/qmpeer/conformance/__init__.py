"""Judges of QMP programs: the rules that a server keeps, and the servers that a client can bear."""

from qmpeer.conformance.report import Report
from qmpeer.conformance.report_formats import FORMATS
from qmpeer.conformance.results import Case, Level, Outcome, Result

__all__ = ["FORMATS", "Case", "Level", "Outcome", "Report", "Result"]
