"""Tools about the machine: its status, its events, its jobs, its snapshots."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from qmpeer import limits
from qmpeer.client import AsyncClient
from qmpeer.client.aio.job_run import job_states
from qmpeer.client.timeouts import Countdown
from qmpeer.errors import CommandError
from qmpeer.inventory.job_board import JobBoard
from qmpeer.inventory.machine_facts import machine_facts
from qmpeer.mcp.tools import AssistantTool, Maybe, ToolArguments, Workplace, given
from qmpeer.proxy.event_terms import EventFilter, read_patterns
from qmpeer.values import UNSET, JsonObject, JsonValue

_QUERY_EVENTS: Final = "__qmpeer_query-events"


async def _status(workplace: Workplace, arguments: ToolArguments) -> object:
    facts = await workplace.machine.ask(machine_facts)
    client = await workplace.machine.client()
    place = await _events_since(client, 0, None)
    facts["events"] = {"epoch": place["epoch"], "last": place["last"]}
    return {**facts, "policy": workplace.policy}


# Events


class EventArguments(ToolArguments, frozen=True):
    """The arguments of "events"."""

    since: Maybe[
        Annotated[int, Meta(ge=0, description="Return the events after this number; without it, "
                            f"the last {limits.MCP_LAST_EVENTS}.")]
    ] = UNSET  # fmt: skip
    epoch: Maybe[
        Annotated[str, Meta(description="The epoch that came with that number: it shows whether "
                            "events were lost.")]
    ] = UNSET  # fmt: skip
    names: Annotated[
        tuple[str, ...],
        Meta(description='Only these events; "*" stands for any text: "JOB_*".'),
    ] = ("*",)
    wait: Annotated[
        float, Meta(ge=0, le=limits.MCP_WAIT, description="Wait for so many seconds if there is "
                    "no such event yet.")
    ] = 0.0  # fmt: skip


async def _events(workplace: Workplace, arguments: EventArguments) -> object:
    passes = EventFilter(read_patterns(arguments.names)).passes
    client = await workplace.machine.client()
    since, epoch = given(arguments.since), given(arguments.epoch)
    if since is None:
        place = await _events_since(client, 0, None)
        since, epoch = max(place["last"] - limits.MCP_LAST_EVENTS, 0), place["epoch"]
    countdown = Countdown(arguments.wait)
    while True:
        mark = await client.event_mark()
        answer = await _events_since(client, since, epoch)
        events = [event for event in answer["events"] if passes(event["event"])]
        if events or answer["more"] or countdown.is_over:
            return _event_answer(answer, events)
        try:
            await client.wait_event(
                match=lambda event: passes(event.name), since=mark, timeout=countdown.remaining()
            )
        except TimeoutError:
            return _event_answer(answer, events)


def _event_answer(answer: dict[str, Any], events: list[Any]) -> JsonObject:
    """Return the answer, whose `last` is the number to ask with the next time."""
    seen = answer["events"]
    last = seen[-1]["number"] if answer["more"] and seen else answer["last"]
    kept = {"epoch": answer["epoch"], "last": last, "lost": answer["lost"], "more": answer["more"]}
    return {**kept, "events": events}


async def _events_since(client: AsyncClient, since: int, epoch: str | None) -> dict[str, Any]:
    arguments: JsonObject = {"since": since}
    if epoch is not None:
        arguments["epoch"] = epoch
    answer: dict[str, Any] = await client.execute(_QUERY_EVENTS, arguments)
    return answer


# Jobs


async def _jobs(workplace: Workplace, arguments: ToolArguments) -> object:
    client = await workplace.machine.client()
    jobs = await job_states(client, client.command_timeout)
    try:
        migration = await client.execute("query-migrate")
    except CommandError:
        migration = None
    board = JobBoard()
    board.update(jobs, migration)
    found: list[JsonValue] = []
    for entry in board.entries:
        message = entry.message()
        found.append({**message, "advice": entry.advice} if entry.advice else message)
    return {"jobs": found}


# Snapshots


class SnapshotArguments(ToolArguments, frozen=True):
    """The arguments of "snapshot"."""

    action: Annotated[
        Literal["list", "save", "load", "delete"],
        Meta(description="What to do; load throws away the present state."),
    ]
    name: Annotated[str, Meta(description="The snapshot's name; not for list.")] = ""
    nodes: Annotated[
        tuple[str, ...], Meta(description="The block nodes of the disks; by default those of all "
                              "writable disks.")
    ] = ()  # fmt: skip
    timeout: Annotated[
        float, Meta(gt=0, le=limits.MCP_JOB, description="Seconds for all of it; then it is "
                    "cancelled.")
    ] = 300.0  # fmt: skip


async def _snapshot(workplace: Workplace, arguments: SnapshotArguments) -> object:
    client = await workplace.machine.client()
    disks = [disk for disk in _disks(await client.execute("query-block")) if not disk["read-only"]]
    if arguments.action == "list":
        return {"disks": disks}
    if not arguments.name:
        raise ValueError("found no name, expected that of the snapshot")
    nodes = arguments.nodes or [str(disk["node"]) for disk in disks]
    if not nodes:
        raise ValueError("found no writable disk, expected one that can hold the snapshot")
    given: JsonObject = {"tag": arguments.name, "devices": list[JsonValue](nodes)}
    if arguments.action != "delete":
        given["vmstate"] = nodes[0]
    state = await client.run_job(f"snapshot-{arguments.action}", given, timeout=arguments.timeout)
    return {"done": f"snapshot-{arguments.action}", "name": arguments.name, "job": state.id}


def _disks(answer: Any) -> list[JsonObject]:
    """Return the disks of an answer to query-block, with their snapshots."""
    found: list[JsonObject] = []
    for each in answer:
        inserted = each.get("inserted")
        if inserted is None:
            continue
        found.append({
            "disk": each.get("qdev") or each.get("device"),
            "node": inserted.get("node-name"),
            "format": inserted.get("drv"),
            "read-only": inserted.get("ro", False),
            "snapshots": [
                {"name": snapshot["name"], "seconds": snapshot["date-sec"]}
                for snapshot in inserted.get("image", {}).get("snapshots", ())
            ],
        })  # fmt: skip
    return found


TOOLS: Final = (
    AssistantTool(
        name="status",
        title="Status of the machine",
        about="Return the facts about the machine: release, run state, CPUs, memory, disks, "
        "network cards; the number of its last event; the policy that holds for you.",
        run=_status,
    ),
    AssistantTool(
        name="events",
        title="Events",
        about="Return the machine's events since a number, and the number to ask with the next "
        "time: `last`. With `wait`, wait for one.",
        run=_events,
        arguments=EventArguments,
    ),
    AssistantTool(
        name="jobs",
        title="Jobs",
        about="Return the machine's jobs and its migration, with their progress, errors, and the "
        "command that a waiting one needs.",
        run=_jobs,
        commands=("query-jobs", "query-block-jobs"),
    ),
    AssistantTool(
        name="snapshot",
        title="Snapshots",
        about="Save the whole machine, memory and disks, under a name inside its disks; go back to "
        "a saved state; delete one; list them. The disks must have a format with snapshots: qcow2.",
        run=_snapshot,
        arguments=SnapshotArguments,
        commands=("snapshot-save",),
        only_reads=False,
    ),
)
