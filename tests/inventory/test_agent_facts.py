"""Facts about a guest, from those commands that its agent has."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import GuestAgent
from qmpeer.inventory.agent_facts import agent_facts
from tests.cli.fake_agent import FakeAgent

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
        FakeAgent(tmp_path / "ga", {**ANSWERS, **odd}) as fake,
        GuestAgent.connect(fake.address) as agent,
    ):
        facts = agent_facts(agent)
    assert facts == {
        "kind": "guest-agent",
        "version": "1",
        "commands": ["guest-get-timezone", "guest-get-vcpus"],
        "disabled": ["guest-get-users"],
        **told,
    }
