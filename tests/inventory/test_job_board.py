"""The states of jobs, from queries and from events."""

from typing import Any

import pytest

from qmpeer.client.jobs import JobState, job_state_of
from qmpeer.inventory.job_board import JobBoard
from qmpeer.messages import Event
from qmpeer.values import JsonObject


def job(status: str = "running", id: str = "j", current: int = 1, **more: Any) -> JobState:
    return JobState(id, status, "mirror", current, 4, **more)


def change(status: str, id: str = "j") -> Event:
    return Event("JOB_STATUS_CHANGE", {"id": id, "status": status})


def block(name: str, **data: Any) -> Event:
    return Event(f"BLOCK_JOB_{name}", {"device": "j", "type": "mirror", **data})


def stand(board: JobBoard) -> list[tuple[str, str, int, str | None]]:
    return [(entry.id, entry.status, entry.current, entry.error) for entry in board.entries]


@pytest.mark.parametrize(
    ("said", "is_over"),
    [
        ([], True),
        ([job()], False),
        ([job("paused")], False),
        ([job("created"), job("concluded", "k")], False),
        ([job("ready"), job("pending", "k"), job("standby", "l"), job("concluded", "m")], True),
        ([job("a-status-of-tomorrow")], False),
        ([job("paused", stop_reason="No space")], True),
    ],
    ids=["none", "running", "paused", "one of two", "all rest", "unknown", "stopped"],
)
def test_when_it_is_over(said: list[Any], is_over: bool) -> None:
    board = JobBoard()
    board.update(said, {})
    assert board.is_over is is_over


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([change("pending"), change("concluded"), change("null")], ("j", "null", 4, None)),
        ([change("aborting"), change("concluded")], ("j", "concluded", 1, None)),
        (
            [change("aborting"), block("COMPLETED", len=4, offset=2, error="No space"),
             change("concluded"), change("null")],
            ("j", "null", 4, "No space"),
        ),
        ([change("aborting"), block("CANCELLED"), change("null")], ("j", "null", 4, "cancelled")),
        ([block("COMPLETED", len=4, offset=4)], ("j", "concluded", 4, None)),
        ([block("ERROR", operation="read", action="stop")], ("j", "running", 1, None)),
        ([change("aborting"), change("null")], ("j", "null", 1, "failed, the reason is gone")),
    ],
    ids=["done", "aborted", "failed", "cancelled", "before 3.0", "I/O error", "reason gone"],
)  # fmt: skip
def test_events(events: list[Event], end: tuple[Any, ...]) -> None:
    board = JobBoard()
    board.update([job()], None)
    for event in events:
        board.apply_event(event)
    assert [(*stand(board)[0][:2], *stand(board)[0][3:])] == [(*end[:2], *end[3:])]
    assert board.is_over is (end[1] != "running")


def test_a_job_that_is_gone_when_it_is_asked_for() -> None:
    board = JobBoard()
    board.update([job(), job("concluded", "k", error="No space")], None)
    board.update([], None)
    assert stand(board) == [("j", "null", 4, None), ("k", "null", 1, "No space")]


def test_only_those_that_are_wanted() -> None:
    board = JobBoard(["k", "l"])
    board.update([job(), job(id="k")], {"status": "active"})
    board.apply_event(change("running", "j"))
    assert [entry.id for entry in board.entries] == ["k"]
    assert board.missing == ["l"]


def test_jobs_that_begin_meanwhile() -> None:
    board = JobBoard()
    board.update([], None)
    board.apply_event(change("created", "k"))
    assert not board.is_over
    board.update([job(id="k")], None)
    assert stand(board) == [("k", "running", 1, None)]


def test_jobs_before_3_0() -> None:
    board = JobBoard()
    old: JsonObject = {
        "device": "d",
        "type": "stream",
        "len": 8,
        "offset": 2,
        "paused": True,
        "busy": False,
    }
    board.update([job_state_of(old)], None)
    (entry,) = board.entries
    assert (entry.id, entry.status, entry.current, entry.total) == ("d", "paused", 2, 8)


@pytest.mark.parametrize(
    ("info", "end", "is_failed"),
    [
        ({"status": "completed", "ram": {"total": 8, "remaining": 0}}, "completed", False),
        ({"status": "failed", "error-desc": "no route"}, "failed", True),
        ({"status": "cancelled"}, "cancelled", True),
        ({"status": "postcopy-paused"}, "postcopy-paused", True),
        ({"status": "pre-switchover"}, "pre-switchover", False),
    ],
)
def test_migration(info: dict[str, Any], end: str, is_failed: bool) -> None:
    board = JobBoard()
    board.update([], {"status": "none"})
    assert board.entries == []
    board.update([], {"status": "active", "ram": {"total": 8, "remaining": 6}})
    assert stand(board) == [("migration", "active", 2, None)]
    assert not board.is_over
    board.apply_event(Event("MIGRATION", {"status": "device"}))
    board.update([], info)
    (entry,) = board.entries
    assert board.is_over
    assert (entry.status, entry.is_failed, entry.was_seen_running) == (end, is_failed, True)


@pytest.mark.parametrize(
    ("info", "advice"),
    [
        ({"status": "pre-switchover"},
         "migration is pre-switchover: migrate-continue state=pre-switchover"),
        ({"status": "postcopy-paused", "error-desc": "no route"},
         "migration was stopped by an error: no route; to go on: migrate resume=true uri=…"),
        ({"status": "active", "ram": []}, ""),
    ],
    ids=["pre-switchover", "postcopy-paused", "active"],
)  # fmt: skip
def test_what_makes_a_migration_go_on(info: dict[str, Any], advice: str) -> None:
    board = JobBoard()
    board.update([], info)
    assert board.entries[0].advice == advice


def test_one_that_an_error_has_stopped_and_goes_on() -> None:
    board = JobBoard()
    board.update([job("paused", stop_reason="No space")], None)
    (entry,) = board.entries
    assert (entry.is_failed, entry.bar.text) == (True, "mirror stopped: No space")
    assert entry.message()["stop-reason"] == "No space"
    board.apply_event(change("running"))
    (entry,) = board.entries
    assert (entry.is_failed, entry.is_resting, entry.bar.text) == (False, False, "mirror running")
    assert "stop-reason" not in entry.message()


def test_a_migration_of_yesterday() -> None:
    board = JobBoard()
    board.update([], {"status": "failed"})
    assert not board.entries[0].was_seen_running


def test_more_jobs_than_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.JOBS", 3)
    board = JobBoard()
    board.update([job(id="a"), job("concluded", "b"), job(id="c"), job(id="d"), job(id="e")], None)
    assert [entry.id for entry in board.entries] == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        (job("ready"), "j is ready: job-complete id=j"),
        (job("pending"), "j is pending: job-finalize id=j"),
        (job("standby"), "j is standby: job-resume id=j"),
        (job("running"), ""),
        (
            job("paused", stop_reason="No space"),
            "j was stopped by an error: No space; to go on: job-resume id=j",
        ),
        (
            job("standby", stop_reason="No space"),
            "j was stopped by an error: No space; to go on: job-resume id=j",
        ),
    ],
)
def test_advice(entry: Any, advice: str) -> None:
    board = JobBoard()
    board.update([entry], None)
    assert board.entries[0].advice == advice
