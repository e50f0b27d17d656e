"""Events with numbers: one text for all clients, and what is kept for those that come back."""

import pytest

from qmpeer import limits
from qmpeer.messages import Event, Timestamp
from qmpeer.proxy.event_history import EventHistory
from qmpeer.proxy.event_terms import EventTerms

ALL = EventTerms(None, None, False)
NUMBERED = EventTerms(None, None, True)
STOPS = EventTerms(("STOP",), None, False)


def _events(*names: str) -> list[Event]:
    return [Event(name, {}, Timestamp(1, 2)) for name in names]


def test_one_text_for_all_clients_with_the_same_terms() -> None:
    batch = EventHistory().add([*_events("STOP", "RESUME"), Event("JOB", {"id": "j"})])
    everything, stops = batch.on_terms(ALL), batch.on_terms(STOPS)
    assert everything is not None
    assert stops is not None
    assert batch.on_terms(ALL) is everything
    stop = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
    resume = stop.replace(b"STOP", b"RESUME")
    job = b'{"event": "JOB", "data": {"id": "j"}}\r\n'
    assert everything.text(is_pretty=False) == stop + resume + job
    assert stops.text(is_pretty=False) == stop
    assert stops.text(is_pretty=True).startswith(b'{\r\n    "timestamp": {\r\n')
    assert (len(everything), len(stops)) == (3, 1)
    assert batch.on_terms(EventTerms((), None, False)) is None


def test_numbers_go_on() -> None:
    history = EventHistory()
    history.add(_events("A", "B"))
    batch = history.add(_events("C", "D")).on_terms(NUMBERED)
    assert batch is not None
    assert batch.text(is_pretty=False).count(b'"__qmpeer_number": 3}\r\n') == 1
    assert batch.text(is_pretty=False).endswith(b'"__qmpeer_number": 4}\r\n')
    assert history.cursor() == {"epoch": history.epoch, "last": 4}


def test_what_was_missed() -> None:
    history = EventHistory()
    assert history.since(0, None, ALL) == {
        "epoch": history.epoch,
        "last": 0,
        "lost": False,
        "more": False,
        "events": [],
    }
    history.add([*_events("STOP", "RESUME"), Event("STOP", {"why": [1, None, "é"]})])
    stop = {"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}
    third = {"number": 3, "event": "STOP", "data": {"why": [1, None, "é"]}}
    assert history.since(2, history.epoch, ALL)["events"] == [third]
    assert history.since(0, history.epoch, STOPS)["events"] == [{"number": 1, **stop}, third]
    assert history.since(3, None, ALL)["events"] == []


@pytest.mark.parametrize(
    ("since", "epoch", "is_lost"),
    [
        pytest.param(0, None, False, id="from the beginning"),
        pytest.param(-7, None, False, id="before the beginning"),
        pytest.param(1, "of another run", True, id="another run"),
        pytest.param(3, None, True, id="a number that there wasn't yet"),
    ],
)
def test_everything_that_is_kept(since: int, epoch: str | None, is_lost: bool) -> None:
    history = EventHistory()
    history.add(_events("A", "B"))
    found = history.since(since, epoch, ALL)
    assert isinstance(found["events"], list)
    assert [each["number"] for each in found["events"] if isinstance(each, dict)] == [1, 2]
    assert found["lost"] is is_lost


def test_the_number_of_kept_events_is_bounded() -> None:
    history = EventHistory()
    history.add(_events(*["A"] * (limits.PROXY_EVENTS + 10)))
    assert history.since(9, None, ALL)["lost"] is True
    assert history.since(10, None, ALL)["lost"] is False
    assert _numbers(history, 0) == list(range(11, history.last + 1))


def _numbers(history: EventHistory, since: int, terms: EventTerms = ALL) -> list[int]:
    """Return the numbers of all events after one, asked for as often as it takes."""
    numbers: list[int] = []
    while True:
        found = history.since(since, None, terms)
        assert isinstance(found["events"], list)
        assert len(found["events"]) <= limits.PROXY_EVENTS_RETURNED
        numbers += [each["number"] for each in found["events"]]  # type: ignore[misc]  # JSON
        if not found["more"]:
            return numbers
        since = numbers[-1]


def test_there_are_more_only_if_the_client_gets_them() -> None:
    history = EventHistory()
    history.add(_events(*["STOP"] * limits.PROXY_EVENTS_RETURNED, "RESUME"))
    assert history.since(0, None, STOPS)["more"] is False
    assert history.since(0, None, ALL)["more"] is True
    assert _numbers(history, 0)[-1] == history.last


def test_the_size_of_kept_events_is_bounded() -> None:
    history = EventHistory()
    large = Event("A", {"text": "x" * (limits.PROXY_EVENTS_SIZE // 4)})
    for _ in range(9):
        history.add([large])
    assert history.since(0, None, ALL)["lost"] is True
    assert _numbers(history, 0) == [7, 8, 9]
    history.add([Event("B", {"text": "x" * limits.PROXY_EVENTS_SIZE})])
    assert history.since(0, None, ALL)["events"] == []
    assert history.since(10, None, ALL)["lost"] is False
