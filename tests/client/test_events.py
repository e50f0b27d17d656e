"""Events: numbering, the log, waits with marks, and subscriptions."""

import re
import threading
from typing import Any

import pytest

from qmpeer import AsyncClient, ConnectionClosed, Event, limits
from qmpeer.errors import LimitError
from qmpeer.messages import Timestamp
from tests.client.conftest import OurMonitor
from tests.client.faces import Face, background
from tests.client.scripted import connected
from tests.patience import PATIENCE


def test_events_are_numbered_from_one(face: Face) -> None:
    with connected(face) as (vm, server):
        events = vm.events()
        server.event("STOP")
        server.event("RESET", guest=True)
        server.say({"event": "OLD"})
        stamp = Timestamp(1, 2)
        assert events.next() == Event("STOP", {}, stamp, 1)
        assert events.next() == Event("RESET", {"guest": True}, stamp, 2)
        assert events.next() == Event("OLD", {}, None, 3)


def test_an_event_with_an_odd_timestamp(face: Face) -> None:
    with connected(face) as (vm, server):
        server.say({"event": "STOP", "timestamp": "now"})
        server.say({"event": "STOP", "timestamp": {"seconds": -1, "microseconds": -1}})
        assert vm.wait_event(since=0, timeout=PATIENCE).timestamp is None
        assert vm.wait_event(since=1, timeout=PATIENCE).timestamp == Timestamp(-1, -1)


def test_an_event_is_never_a_reply(face: Face) -> None:
    with connected(face) as (vm, server):
        executing = vm.begin("x")
        command = server.command()
        server.say({"event": "STOP", "id": command["id"], "return": 1})
        server.reply(command, 2)
        assert executing.result(PATIENCE) == 2
        assert vm.event_mark() == 1


def test_a_mark_takes_in_what_has_arrived(face: Face) -> None:
    with connected(face) as (vm, server):
        for count in range(1, 50):
            server.event("STOP")
            assert vm.event_mark() == count


def test_a_mark_takes_in_very_much(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        vm.execute("emit", {"name": "X", "count": 5000})
        assert vm.event_mark() == 5000


def test_not_missed_and_not_stale(face: Face) -> None:
    with connected(face) as (vm, server):
        for number in range(20):
            server.event("STOP", number=number, stale=True)
            mark = vm.event_mark()
            executing = vm.begin("stop")
            command = server.command()
            server.event("STOP", number=number, stale=False)
            server.reply(command)
            executing.result(PATIENCE)
            event = vm.wait_event("STOP", since=mark, timeout=PATIENCE)
            assert event.data == {"number": number, "stale": False}


def test_without_a_mark_only_what_is_new(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("STOP")
        with pytest.raises(TimeoutError, match=re.escape("event STOP didn't come in 0.05 s")):
            vm.wait_event("STOP", timeout=0.05)
        with pytest.raises(TimeoutError, match=re.escape("an event didn't come in 0.05 s")):
            vm.wait_event(timeout=0.05)


def test_one_of_several_names(face: Face) -> None:
    with connected(face) as (vm, server):
        for name in ("A", "B", "C"):
            server.event(name)
        assert vm.wait_event(["B", "C"], since=0, timeout=PATIENCE).name == "B"
        assert vm.wait_event({"C"}, since=0, timeout=PATIENCE).name == "C"
        assert vm.wait_event(None, since=0, timeout=PATIENCE).name == "A"
        assert vm.wait_event([], since=0, timeout=PATIENCE).name == "A"


def test_matches(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("JOB", status="running", id="a", deep={"x": 1, "y": [1, 2]})
        server.event("JOB", status="concluded", id="b")
        server.event("JOB", status="concluded", id="a", deep={"x": 2})
        server.event("JOB")

        def number(match: object) -> int:
            return int(vm.wait_event("JOB", match, since=0, timeout=PATIENCE).number)

        assert number({"id": "a", "status": "concluded"}) == 3
        assert number({"deep": {"x": 2}}) == 3
        assert number({"deep": {"y": [1, 2]}}) == 1
        assert number(lambda event: event.data.get("id") == "b") == 2
        assert number(lambda event: not event.data) == 4
        assert number({}) == 1
        with pytest.raises(TimeoutError):
            vm.wait_event("JOB", {"deep": None}, since=0, timeout=0.01)


def test_a_match_that_fails_tells_who_waits(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("JOB")
        with pytest.raises(KeyError):
            vm.wait_event("JOB", lambda event: bool(event.data["id"]), since=0, timeout=PATIENCE)
        server.event("JOB", id=1)
        assert vm.event_mark() == 2


MISSED = "one came before it was waited for: take a mark with event_mark() before what causes it"


def test_one_that_came_before_it_was_waited_for(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("STOP", n=1)
        vm.wait_event("STOP", since=0, timeout=PATIENCE)
        for names, match in (("STOP", None), (("RESUME", "STOP"), None), ("STOP", {"n": 1})):
            with pytest.raises(TimeoutError, match=re.escape(f"in 0.05 s; {MISSED}")):
                vm.wait_event(names, match, timeout=0.05)
        for names, match in (("RESUME", None), ("STOP", {"n": 2})):
            with pytest.raises(TimeoutError) as caught:
                vm.wait_event(names, match, timeout=0.05)
            assert str(caught.value).endswith("didn't come in 0.05 s")
        with pytest.raises(TimeoutError) as caught:  # no hint for a caller who passed a mark
            vm.wait_event("STOP", since=1, timeout=0.05)
        assert "event_mark" not in str(caught.value)


def test_one_that_came_before_the_connection_ended(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("SHUTDOWN")
        vm.wait_event("SHUTDOWN", since=0, timeout=PATIENCE)
        server.close()
        with pytest.raises(ConnectionClosed, match=re.escape(f"closed the connection; {MISSED}")):
            vm.wait_event("SHUTDOWN", timeout=PATIENCE)
        with pytest.raises(ConnectionClosed) as caught:
            vm.wait_event("RESET", timeout=PATIENCE)
        assert caught.value.reason == "the server closed the connection"


def test_a_match_that_knows_some_events_only(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("X")
        vm.wait_event("X", since=0, timeout=PATIENCE)
        with pytest.raises(TimeoutError, match="didn't come in 0"):
            vm.wait_event(None, lambda event: event.data["n"] == 1, timeout=0.05)


@pytest.mark.parametrize("mark", ["1", 1.5, [1]], ids=repr)
def test_what_is_no_mark(face: Face, mark: Any) -> None:
    with connected(face) as (vm, _):
        said = f"found {type(mark).__name__} as since, expected a mark, a number"
        with pytest.raises(TypeError, match=said):
            vm.wait_event("X", since=mark, timeout=PATIENCE)


async def test_a_mark_that_was_not_awaited(ours: OurMonitor) -> None:
    async with await AsyncClient.connect(ours.address) as vm:
        with pytest.raises(TypeError, match=r"wasn't awaited, write mark = await vm\.event_mark"):
            await vm.wait_event("X", since=vm.event_mark())


def test_an_event_that_comes_while_it_is_waited_for(face: Face) -> None:
    with connected(face) as (vm, server):
        for number in range(50):
            waiting = background(
                vm.wait_event, "STOP", {"n": number}, since=vm.event_mark(), timeout=PATIENCE
            )
            server.event("NOISE")
            server.event("STOP", n=number)
            assert waiting.result(PATIENCE).data == {"n": number}


def test_the_last_4096_are_kept(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        vm.execute("emit", {"name": "X", "count": limits.EVENTS_KEPT + 1})
        assert vm.wait_event("X", since=1, timeout=PATIENCE).number == 2
        assert vm.wait_event("X", {"count": 4096}, since=1, timeout=PATIENCE).number == 4097
        with pytest.raises(LimitError, match="1 events after the mark are no longer kept") as error:
            vm.wait_event("X", since=0, timeout=PATIENCE)
        assert error.value.limit == "EVENTS_KEPT"


def test_more_than_are_kept_come_while_they_are_waited_for(face: Face, ours: OurMonitor) -> None:
    """Each event is checked when it comes, so a dropped one can't have matched."""
    with face.connect(ours.address) as vm:
        waiting = background(vm.wait_event, "LAST", since=vm.event_mark(), timeout=PATIENCE)
        for _ in range(3):
            vm.execute("emit", {"name": "X", "count": 3000})
        vm.execute("emit", {"name": "LAST"})
        assert waiting.result(PATIENCE).number == 9001


def test_a_subscription_has_what_comes_from_now_on(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("STOP", n=1)
        assert vm.event_mark() == 1
        events = vm.events("STOP", "RESUME")
        server.event("STOP", n=2)
        server.event("NOISE")
        server.event("RESUME", n=3)
        assert [events.next().data["n"] for _ in range(2)] == [2, 3]
        with pytest.raises(TimeoutError, match=re.escape("no event came in 0.01 s")):
            events.next(0.01)
        assert events.dropped == 0


def test_a_subscription_by_match(face: Face) -> None:
    with connected(face) as (vm, server):
        members = vm.events("JOB", match={"id": "a"})
        function = vm.events(match=lambda event: event.number % 2 == 0)
        for name in "abab":
            server.event("JOB", id=name)
        assert [members.next().number for _ in range(2)] == [1, 3]
        assert [function.next().number for _ in range(2)] == [2, 4]


def test_a_subscription_is_bounded(face: Face) -> None:
    with connected(face) as (vm, server):
        small, large = vm.events(limit=3), vm.events()
        for _ in range(10):
            server.event("X")
        assert vm.event_mark() == 10
        assert small.dropped == 7
        assert [small.next().number for _ in range(3)] == [8, 9, 10]
        assert large.dropped == 0
        assert [large.next().number for _ in range(10)] == list(range(1, 11))
        with pytest.raises(ValueError, match="expected 1 or more"):
            vm.events(limit=0)


def test_a_subscription_that_has_ended_still_gives_what_is_unread(face: Face) -> None:
    with connected(face) as (vm, server):
        events = vm.events()
        server.event("X")
        vm.event_mark()
        events.close()
        events.close()
        server.event("X")
        vm.event_mark()
        assert events.next().number == 1
        with pytest.raises(ConnectionClosed, match="the subscription was closed"):
            events.next(0.01)
        assert list(events) == []


def test_a_reader_ends_when_its_subscription_is_closed(face: Face) -> None:
    """Whether it receives itself or waits for a thread that does."""
    with connected(face) as (vm, server):
        closed, other = [vm.events("X"), vm.events("X")], vm.events("Y")
        readings = [background(list, events) for events in closed]
        waiting = background(other.next, PATIENCE)
        for events in closed:
            events.close()
        assert [reading.result(PATIENCE) for reading in readings] == [[], []]
        server.event("Y")
        assert waiting.result(PATIENCE).name == "Y"


def test_a_subscription_ends_with_the_connection(face: Face) -> None:
    with connected(face) as (vm, server):
        events = vm.events()
        reading = background(list, events)
        server.event("X")
        server.event("Y")
        server.close()
        assert [event.name for event in reading.result(PATIENCE)] == ["X", "Y"]
        with pytest.raises(ConnectionClosed):
            events.next()


def test_a_subscription_ends_when_the_client_is_closed(face: Face) -> None:
    with connected(face) as (vm, server):
        events = vm.events()
        server.event("X")
        assert events.next().name == "X"
        reading = background(list, events)
        vm.close()
        assert reading.result(PATIENCE) == []


def test_events_before_the_end_can_still_be_waited_for(face: Face) -> None:
    with connected(face) as (vm, server):
        server.event("SHUTDOWN")
        server.close()
        with pytest.raises(ConnectionClosed, match="the server closed the connection"):
            vm.wait_event("NEVER", timeout=PATIENCE)
        assert vm.wait_event("SHUTDOWN", since=0, timeout=PATIENCE).number == 1
        assert vm.event_mark() == 1


def test_several_wait_for_the_same(face: Face) -> None:
    with connected(face) as (vm, server):
        mark = vm.event_mark()
        waiting = [
            background(vm.wait_event, name, since=mark, timeout=PATIENCE)
            for name in ("A", "B", "A")
        ]
        server.event("B")
        server.event("A")
        assert [each.result(PATIENCE).number for each in waiting] == [2, 1, 2]


def test_several_read_one_subscription(face: Face) -> None:
    with connected(face) as (vm, server):
        events = vm.events()
        got: list[int] = []
        lock = threading.Lock()

        def read() -> None:
            for event in events:
                with lock:
                    got.append(event.number)

        readers = [background(read) for _ in range(4)]
        for _ in range(500):
            server.event("X")
        server.close()
        for reader in readers:
            reader.result(PATIENCE)
        assert sorted(got) == list(range(1, 501))


def test_a_function_that_fails_is_nobody_elses_trouble(face: Face, ours: OurMonitor) -> None:
    with face.connect(ours.address) as vm:
        other = vm.events("X")
        failing = vm.events("X", match=lambda event: event.data["count"] == 0 or 1 / 0)
        vm.execute("emit", {"name": "X", "count": 3})
        assert failing.next().data == {"count": 0}
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                failing.next()
        assert [other.next().data["count"] for _ in range(3)] == [0, 1, 2]
        assert vm.execute("echo") == {"value": None}
