"""Policy: the features that each setting rejects, hides, or ends the process for."""

from typing import Any

import pytest

from qmpeer.schema import Policy

BOTH = frozenset({"deprecated", "unstable"})
NONE = frozenset[str]()


@pytest.mark.parametrize(
    ("settings", "rejected", "crashing", "hidden"),
    [
        ({}, NONE, NONE, NONE),
        ({"deprecated_input": "reject"}, {"deprecated"}, NONE, NONE),
        ({"deprecated_input": "crash"}, {"deprecated"}, {"deprecated"}, NONE),
        ({"unstable_input": "reject"}, {"unstable"}, NONE, NONE),
        ({"unstable_input": "crash"}, {"unstable"}, {"unstable"}, NONE),
        ({"deprecated_output": "hide"}, NONE, NONE, {"deprecated"}),
        ({"unstable_output": "hide"}, NONE, NONE, {"unstable"}),
        (
            {"deprecated_input": "reject", "unstable_input": "crash", "deprecated_output": "hide"},
            BOTH,
            {"unstable"},
            {"deprecated"},
        ),
    ],
    ids=lambda value: (
        "-".join(f"{key}={value[key]}" for key in value) if isinstance(value, dict) else ""
    ),
)
def test_features(
    settings: dict[str, Any], rejected: object, crashing: object, hidden: object
) -> None:
    policy = Policy(**settings)
    assert (policy.rejected, policy.crashing, policy.hidden) == (rejected, crashing, hidden)
