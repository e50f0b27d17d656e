"""The rate limit of events, with a simulated clock."""

import pytest

from qmpeer import limits
from qmpeer.messages import Timestamp
from qmpeer.protocol import THROTTLED_EVENTS, Throttle
from qmpeer.values import JsonObject

Sent = tuple[float, str, JsonObject | None, float]


def stamp(now: float) -> Timestamp:
    microseconds = round(now * 1_000_000)
    return Timestamp(microseconds // 1_000_000, microseconds % 1_000_000)


class Clock:
    """A simulated clock, which offers events at their times and takes the due ones in time."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self.sent: list[Sent] = []

    def advance(self, until: float) -> None:
        while (due := self.throttle.next_due) is not None and due <= until:
            for name, data, at in self.throttle.due(due):
                self.sent.append((due, name, data, at.seconds + at.microseconds / 1e6))

    def offer(self, now: float, name: str, data: JsonObject | None = None) -> None:
        self.advance(now)
        if self.throttle.passes(name, data, stamp(now), now):
            self.sent.append((now, name, data, now))

    def times(self) -> list[tuple[float, float]]:
        return [(round(at, 3), round(made, 3)) for at, _, _, made in self.sent]


def test_a_burst_of_ten_is_the_first_and_a_second_later_the_last() -> None:
    clock = Clock()
    for number in range(10):
        clock.offer(number / 1000, "RTC_CHANGE", {"offset": number})
    clock.advance(10)
    assert clock.times() == [(0.0, 0.0), (1.0, 0.009)]
    assert [data for _, _, data, _ in clock.sent] == [{"offset": 0}, {"offset": 9}]
    assert clock.throttle.next_due is None


def test_a_stream_of_one_each_60_ms() -> None:
    clock = Clock()
    for number in range(51):
        clock.offer(number * 0.06, "RTC_CHANGE")
    assert clock.times() == [(0.0, 0.0), (1.0, 0.96), (2.0, 1.98), (3.0, 2.94)]


def test_two_far_apart_both_go_at_once() -> None:
    clock = Clock()
    clock.offer(0, "WATCHDOG")
    clock.offer(1.5, "WATCHDOG")
    clock.offer(3, "WATCHDOG")
    assert clock.times() == [(0, 0), (1.5, 1.5), (3, 3)]


def test_one_that_was_held_back_starts_a_period_of_its_own() -> None:
    clock = Clock()
    for now in (0, 0.5, 1.5):
        clock.offer(now, "WATCHDOG")
    clock.advance(10)
    assert clock.times() == [(0, 0), (1, 0.5), (2, 1.5)]


@pytest.mark.parametrize("name", ["STOP", "RESUME", "BLOCK_JOB_COMPLETED", "rtc_change", ""])
def test_others_are_not_limited(name: str) -> None:
    clock = Clock()
    for number in range(100):
        clock.offer(number / 1000, name)
    assert len(clock.sent) == 100
    assert clock.throttle.next_due is None


def test_the_table() -> None:
    assert THROTTLED_EVENTS == {
        "RTC_CHANGE": None,
        "WATCHDOG": None,
        "BALLOON_CHANGE": None,
        "QUORUM_REPORT_BAD": "node-name",
        "QUORUM_FAILURE": None,
        "VSERPORT_CHANGE": "id",
        "MEMORY_DEVICE_SIZE_CHANGE": "qom-path",
    }


@pytest.mark.parametrize(("name", "member"), THROTTLED_EVENTS.items())
def test_kinds_are_told_apart_by_their_member(name: str, member: str | None) -> None:
    clock = Clock()
    key = member or "any"
    for value in ("a", "b", "a", "b", "a"):
        clock.offer(0, name, {key: value, "more": 1})
    assert len(clock.sent) == (2 if member else 1)
    clock.advance(10)
    assert len(clock.sent) == (4 if member else 2)


def test_events_of_different_names_are_of_different_kinds() -> None:
    clock = Clock()
    for name in THROTTLED_EVENTS:
        clock.offer(0, name)
    assert [name for _, name, _, _ in clock.sent] == [*THROTTLED_EVENTS]


def test_a_member_that_is_missing() -> None:
    clock = Clock()
    clock.offer(0, "VSERPORT_CHANGE")
    clock.offer(0, "VSERPORT_CHANGE", {"open": True})
    assert len(clock.sent) == 1


def test_too_many_kinds_pass_unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "THROTTLE_KEYS", 2)
    clock = Clock()
    for id in ("a", "b", "c", "c", "c", "a"):
        clock.offer(0, "VSERPORT_CHANGE", {"id": id})
    assert [data["id"] for _, _, data, _ in clock.sent if data] == ["a", "b", "c", "c", "c"]


def test_asking_early_gives_nothing() -> None:
    throttle = Throttle()
    assert throttle.passes("WATCHDOG", None, stamp(0), 0)
    assert not throttle.passes("WATCHDOG", None, stamp(0.1), 0.1)
    assert throttle.due(0.999) == []
    assert throttle.next_due == 1
    assert throttle.due(1.25) == [("WATCHDOG", None, stamp(0.1))]
    assert throttle.next_due == 2.25


def test_a_table_and_a_period_of_ones_own() -> None:
    throttle = Throttle(0.5, {"X": None})
    assert throttle.passes("X", None, stamp(0), 0)
    assert throttle.passes("WATCHDOG", None, stamp(0), 0)
    assert throttle.passes("WATCHDOG", None, stamp(0), 0)
    assert throttle.next_due == 0.5
