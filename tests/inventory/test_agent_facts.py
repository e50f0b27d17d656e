"""What an agent tells of its guest, by whichever commands it has."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import GuestAgent
from qmpeer.inventory.agent_facts import agent_facts
from tests.cli.pretended_agent import PretendedAgent

ANSWERS: dict[str, Any] = {
    "guest-info": {
        "version": "1",
        "supported_commands": [
            {"name": name, "enabled": name != "guest-get-users", "success-response": True}
            for name in ("guest-get-timezone", "guest-get-vcpus", "guest-get-users")
        ],
    },
    "guest-get-timezone": {"offset": -5400},
    "guest-get-vcpus": [{"online": True}, {"online": False}],
}


@pytest.mark.parametrize(
    ("odd", "told"),
    [({}, {"time-zone": "-01:30", "cpus": {"count": 2, "online": 1}}),
     ({"guest-get-vcpus": [{"logical-id": 0}]}, {"time-zone": "-01:30"}),
     ({"guest-get-timezone": Exception("no"), "guest-get-vcpus": 3}, {})],
    ids=["QEMU's", "an odd one", "an error"],
)  # fmt: skip
def test_what_is_told(tmp_path: Path, odd: dict[str, Any], told: dict[str, Any]) -> None:
    with (
        PretendedAgent(tmp_path / "ga", {**ANSWERS, **odd}) as pretended,
        GuestAgent.connect(pretended.address) as agent,
    ):
        facts = agent_facts(agent)
    assert facts == {
        "kind": "guest-agent",
        "version": "1",
        "commands": ["guest-get-timezone", "guest-get-vcpus"],
        "disabled": ["guest-get-users"],
        **told,
    }
