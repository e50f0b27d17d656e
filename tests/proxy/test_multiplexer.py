"""Whose command is next: turns, the window, and what is taken out of a lane."""

from qmpeer.proxy.multiplexer import Lane, Multiplexer


def opened(window: int) -> Multiplexer[str]:
    multiplexer = Multiplexer[str](window)
    multiplexer.open()
    return multiplexer


def test_what_is_withdrawn_leaves_no_gap() -> None:
    multiplexer = opened(window=1)
    one, two = Lane[str](), Lane[str]()
    assert multiplexer.add(one, "a1")
    for lane, item in ((one, "a2"), (one, "a3"), (two, "b1")):
        assert not multiplexer.add(lane, item)
    multiplexer.withdraw(one, "a2")
    multiplexer.withdraw(two, "b1")
    assert multiplexer.take() is None
    multiplexer.finished()
    assert multiplexer.take() == "a3"
    multiplexer.finished()
    assert multiplexer.take() is None


def test_a_lane_that_is_removed_has_no_turn() -> None:
    multiplexer = opened(window=1)
    one, two = Lane[str](), Lane[str]()
    assert multiplexer.add(two, "b1")
    for lane, item in ((one, "a1"), (two, "b2"), (one, "a2")):
        multiplexer.add(lane, item)
    assert multiplexer.remove(one) == ["a1", "a2"]
    assert len(one) == 0
    multiplexer.finished()
    assert multiplexer.take() == "b2"
    multiplexer.finished()
    assert multiplexer.add(one, "a3")


def test_a_newcomer_does_not_overtake() -> None:
    multiplexer = opened(window=1)
    one, two = Lane[str](), Lane[str]()
    assert multiplexer.add(one, "a1")
    multiplexer.add(one, "a2")
    multiplexer.finished()
    assert not multiplexer.add(two, "b1")
    assert multiplexer.take() == "a2"


def test_everything_waits_while_there_is_no_server() -> None:
    multiplexer = Multiplexer[str](window=1)
    lane = Lane[str]()
    assert not multiplexer.add(lane, "1")
    assert multiplexer.take() is None
    multiplexer.open()
    assert multiplexer.take() == "1"
    multiplexer.close()
    assert not multiplexer.add(lane, "2")
    multiplexer.open()
    assert multiplexer.take() == "2"


def test_what_is_held_back_keeps_its_place() -> None:
    multiplexer = opened(window=2)
    one, two, three = Lane[str](), Lane[str](), Lane[str]()
    multiplexer.hold_back(lambda item: item.startswith("held"))
    assert not multiplexer.add(one, "held-1")
    for lane, item in ((one, "behind"), (two, "held-2"), (three, "c1"), (three, "c2")):
        assert not multiplexer.add(lane, item)
    assert multiplexer.is_holding
    assert (multiplexer.take(), multiplexer.take()) == ("c1", "c2")
    multiplexer.finished()
    assert multiplexer.take() is None
    multiplexer.hold_back(None)
    assert not multiplexer.is_holding
    assert multiplexer.take() == "held-1"
    multiplexer.finished()
    multiplexer.finished()
    assert (multiplexer.take(), multiplexer.take()) == ("held-2", "behind")


def test_nothing_is_held_back_from_the_next_server() -> None:
    multiplexer = opened(window=1)
    multiplexer.hold_back(lambda item: True)
    multiplexer.close()
    multiplexer.open()
    assert multiplexer.add(Lane[str](), "a")
