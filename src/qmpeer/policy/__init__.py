"""Policies: rules on commands and their arguments, on events, and on human-monitor commands.

A policy is read from a file (`loading`) or made from rules. For each client it gives `Rights`,
which judge its commands one by one; `qmpeer.proxy` asks them before it sends anything.
These names are imported on first use: most proxies have no policy.
"""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out

if TYPE_CHECKING:
    from qmpeer.policy.loading import PolicyFile, load_policy, load_policy_file
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
    "ArgumentTest": "qmpeer.policy.rules",
    "Consideration": "qmpeer.policy.rights",
    "Decision": "qmpeer.policy.rules",
    "Facts": "qmpeer.policy.rules",
    "Policy": "qmpeer.policy.policies",
    "PolicyClient": "qmpeer.policy.rules",
    "PolicyFile": "qmpeer.policy.loading",
    "Predicate": "qmpeer.policy.rules",
    "Rate": "qmpeer.policy.rules",
    "Rights": "qmpeer.policy.rights",
    "Rule": "qmpeer.policy.rules",
    "Subject": "qmpeer.policy.rules",
    "Verdict": "qmpeer.policy.verdicts",
    "Who": "qmpeer.policy.rules",
    "blanked": "qmpeer.policy.replies",
    "load_policy": "qmpeer.policy.loading",
    "load_policy_file": "qmpeer.policy.loading",
}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
