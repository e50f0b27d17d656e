"""An assistant behind a policy: what it may not have is refused clearly, and recorded."""

import json
from pathlib import Path

import pytest

from qmpeer.audit import AuditLog
from qmpeer.policy.loading import load_policy
from qmpeer.policy.presets import preset_path
from tests.mcp.conftest import Assisted

POLICY = """
[[rule]]
name = "never"
command = "cont"
verdict = "deny"

[[rule]]
name = "looks"
command = ["query-status", "query-commands", "query-qmp-schema"]

[[rule]]
event = "STOP"
"""


def denials(path: Path) -> list[tuple[str, object]]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [(each["command"], each.get("rule")) for each in records if each["what"] == "denied"]


@pytest.mark.parametrize(
    ("tool", "arguments", "expected", "denied"),
    [
        ("execute", {"command": "cont"}, "denies cont: rule never", ("cont", "never")),
        ("qmp_cont", {}, "denies cont: rule never", ("cont", "never")),
        ("execute", {"command": "stop"}, "or the policy hides it", ("stop", None)),
        ("qmp_stop", {}, "or the policy hides it", ("stop", None)),
        ("qmp_quit", {}, "or the policy hides it", ("quit", None)),
        ("keys", {"text": "a"}, "or the policy hides it", ("input-send-event", None)),
        ("screen", {}, "or the policy hides it", ("screendump", None)),
        ("snapshot", {"action": "list"}, "or the policy hides it", ("query-block", None)),
        ("human_monitor", {"line": "x"}, "policy hides it", ("human-monitor-command", None)),
    ],
)  # fmt: skip
async def test_a_refusal(
    assisted: Assisted,
    tmp_path: Path,
    tool: str,
    arguments: dict[str, object],
    expected: str,
    denied: tuple[str, object],
) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    audit = AuditLog(tmp_path / "audit")
    guard = {"policy": load_policy(tmp_path / "policy.toml"), "audit": audit}
    assistant = await assisted.assistant(proxy=guard)
    failure = await assistant.failure(tool, **arguments)
    assert expected in failure
    assert assisted.is_running
    assert '"running"' in await assistant.text("execute", command="query-status")
    await assisted.close()
    audit.close()
    assert denied in denials(tmp_path / "audit")


async def test_events_and_tools_are_those_of_the_policy(assisted: Assisted, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    guard = {"policy": load_policy(tmp_path / "policy.toml")}
    assistant = await assisted.assistant(proxy=guard)
    assert "human_monitor" not in await assistant.tools()
    free = await assisted.assistant()
    for command in ("stop", "cont", "stop"):
        await free.text("execute", command=command)
    events = json.loads(await assistant.text("events", since=0))["events"]
    assert {event["event"] for event in events} == {"STOP"}


async def test_read_only_reads(assisted: Assisted) -> None:
    guard = {"policy": load_policy(preset_path("read-only"))}
    assistant = await assisted.assistant(proxy=guard)
    assert json.loads(await assistant.text("status"))["status"] == "running"
    assert "hides it" in await assistant.failure("execute", command="stop")
