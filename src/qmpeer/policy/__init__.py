"""Policies: rules on commands and their arguments, on events, and on human-monitor commands.

A policy is read from a file (`loading`) or made from rules. For each client it gives `Rights`,
which judge its commands one by one; `qmpeer.proxy` asks them before it sends anything.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.policy.policies import Policy
from qmpeer.policy.replies import blanked
from qmpeer.policy.rights import Consideration, Rights
from qmpeer.policy.rules import (
    ArgumentTest,
    Decision,
    Facts,
    PolicyClient,
    Predicate,
    Rate,
    Rule,
    Subject,
    Who,
)
from qmpeer.policy.verdicts import Verdict

if TYPE_CHECKING:
    from qmpeer.policy.loading import PolicyFile, load_policy, load_policy_file

__all__ = [
    "ArgumentTest",
    "Consideration",
    "Decision",
    "Facts",
    "Policy",
    "PolicyClient",
    "PolicyFile",
    "Predicate",
    "Rate",
    "Rights",
    "Rule",
    "Subject",
    "Verdict",
    "Who",
    "blanked",
    "load_policy",
    "load_policy_file",
]

_HOMES = {
    "PolicyFile": "qmpeer.policy.loading",
    "load_policy": "qmpeer.policy.loading",
    "load_policy_file": "qmpeer.policy.loading",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
