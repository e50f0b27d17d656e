"""Delays of replies and events, by a clock of the test."""

from qmpeer.messages import CommandMessage
from qmpeer.replay.schedule import Delays, Schedule
from tests.replay.plays import conversations, shown

TEXT = """\
@ time 0
-> {"execute": "a", "id": 1}
-> {"execute": "b", "id": 2}
@ time 2
<- {"return": 1, "id": 1}
@ time 3
<- {"event": "E"}
<- {"return": 2, "id": 2}
@ time 7
<- {"event": "F"}
"""


def play(delays: Delays, times: dict[str, float]) -> dict[float, list[object]]:
    """Return what a client gets that sends commands at the given times, by time."""
    schedule = Schedule(delays)
    (conversation,) = conversations(TEXT)
    got: dict[float, list[object]] = {}

    def take(now: float) -> None:
        for step, _ in schedule.due(now):
            got.setdefault(now, []).extend(shown([step]))

    for exchange in conversation.exchanges:
        now = times[exchange.command.name]
        schedule.add(exchange.steps, exchange.command, now)
        take(now)
    while (due := schedule.next_due) is not None:
        take(due)
    return got


def test_recorded_delays() -> None:
    assert play("recorded", {"a": 10, "b": 10}) == {12: [1], 13: [["E"], 2], 17: [["F"]]}


def test_seconds_before_events() -> None:
    assert play(5.0, {"a": 10, "b": 20}) == {10: [1], 25: [["E"], 2], 30: [["F"]]}


def test_no_delays() -> None:
    assert play("none", {"a": 10, "b": 10}) == {10: [1, ["E"], 2, ["F"]]}


def test_in_band_replies_keep_their_order() -> None:
    schedule = Schedule("recorded")
    slow, quick = conversations(
        '@ time 0\n-> {"execute": "slow"}\n@ time 9\n<- {"return": "slow"}\n'
        '-> {"execute": "quick"}\n<- {"return": "quick"}\n'
    )[0].exchanges
    schedule.add(slow.steps, slow.command, 0)
    schedule.add(quick.steps, CommandMessage("quick"), 1)
    schedule.add(quick.steps, CommandMessage("oob"), 1, is_oob=True)
    assert shown([step for step, _ in schedule.due(1)]) == ["quick"]
    assert schedule.next_due == 9
    assert shown([step for step, _ in schedule.due(9)]) == ["slow", "quick"]
