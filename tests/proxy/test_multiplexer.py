"""Whose command is next: turns, the window, and what is taken out of a lane."""

from qmpeer.proxy.multiplexer import Lane, Multiplexer


def test_what_is_withdrawn_leaves_no_gap() -> None:
    multiplexer = Multiplexer[str](window=1)
    one, two = Lane[str](), Lane[str]()
    for item in ("a1", "a2"):
        multiplexer.add(one, item)
    multiplexer.add(two, "b1")
    multiplexer.withdraw(one, "a1")
    multiplexer.withdraw(two, "b1")
    assert multiplexer.take() == "a2"
    assert multiplexer.take() is None
    multiplexer.finished()
    assert multiplexer.take() is None


def test_a_lane_that_is_removed_has_no_turn() -> None:
    multiplexer = Multiplexer[str](window=4)
    one, two = Lane[str](), Lane[str]()
    for lane, item in ((one, "a1"), (two, "b1"), (one, "a2")):
        multiplexer.add(lane, item)
    assert multiplexer.remove(one) == ["a1", "a2"]
    assert len(one) == 0
    assert (multiplexer.take(), multiplexer.take()) == ("b1", None)
    multiplexer.add(one, "a3")
    assert multiplexer.take() == "a3"


def test_the_window_is_empty_after_a_reset() -> None:
    multiplexer = Multiplexer[int](window=1)
    lane = Lane[int]()
    multiplexer.add(lane, 1)
    multiplexer.add(lane, 2)
    assert (multiplexer.take(), multiplexer.take()) == (1, None)
    multiplexer.reset()
    assert multiplexer.take() == 2
