"""Who may do what: rules on commands and their arguments, on events, and on human-monitor commands.

A policy is read from a file (`loading`) or made from rules. For each client it gives `Rights`,
which judge its commands one by one; `qmpeer.proxy` asks them before it sends anything.
"""

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

__all__ = [
    "ArgumentTest",
    "Consideration",
    "Decision",
    "Facts",
    "Policy",
    "PolicyClient",
    "Predicate",
    "Rate",
    "Rights",
    "Rule",
    "Subject",
    "Verdict",
    "Who",
    "blanked",
]
