"""Judges of QMP programs: the rules that a server keeps, and the servers that a client can bear."""

from qmpeer.conformance.results import Case, Level, Outcome, Result

__all__ = ["Case", "Level", "Outcome", "Result"]
