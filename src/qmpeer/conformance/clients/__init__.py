"""The client suite: odd and faulty servers, and what a client must make of each."""

from qmpeer.conformance.clients.case import ClientCase, Duty
from qmpeer.conformance.clients.judge import CLIENT_CASES, judge_client

__all__ = ["CLIENT_CASES", "ClientCase", "Duty", "judge_client"]
