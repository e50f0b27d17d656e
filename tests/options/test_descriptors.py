import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.errors import CommandError
from qmpeer.monitor import NamedFds
from qmpeer.options.descriptors import Descriptors, close_named, name_received

New = Callable[[], int]


@pytest.fixture
def new(tmp_path: Path) -> New:
    def open_one() -> int:
        return os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)

    return open_one


@pytest.fixture
def descriptors() -> Iterator[Descriptors]:
    descriptors = Descriptors()
    yield descriptors
    descriptors.close()


@pytest.fixture
def names() -> Iterator[NamedFds]:
    names = NamedFds()
    yield names
    names.close()


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_name_is_kept_and_closed(names: NamedFds, new: New) -> None:
    fd = new()
    name_received(names, "a", [fd])
    assert is_open(fd)

    close_named(names, "a")
    assert not is_open(fd)
    with pytest.raises(CommandError, match="File descriptor named 'a' not found"):
        close_named(names, "a")


def test_the_same_name_replaces(names: NamedFds, new: New) -> None:
    first, second = new(), new()
    name_received(names, "a", [first])
    name_received(names, "a", [second])

    assert not is_open(first)
    assert is_open(second)


def test_the_first_is_taken_and_the_others_are_closed(names: NamedFds, new: New) -> None:
    first, second = new(), new()
    name_received(names, "a", [first, second])

    assert is_open(first)
    assert not is_open(second)


def test_nothing_sent(descriptors: Descriptors, names: NamedFds) -> None:
    text = "No file descriptor supplied via SCM_RIGHTS"
    with pytest.raises(CommandError, match=text):
        name_received(names, "1", [])
    with pytest.raises(CommandError, match=text):
        descriptors.add_to_set(-1, None, [])


def test_a_name_that_starts_with_a_digit(names: NamedFds, new: New) -> None:
    fd = new()
    with pytest.raises(CommandError, match="'fdname' expects a name not starting with a digit"):
        name_received(names, "1a", [fd])
    assert not is_open(fd)


def test_the_empty_name_is_one(names: NamedFds, new: New) -> None:
    name_received(names, "", [new()])
    close_named(names, "")


def test_sets(descriptors: Descriptors, new: New) -> None:
    a, b, c, d = new(), new(), new(), new()
    assert descriptors.add_to_set(None, None, [a]) == {"fd": a, "fdset-id": 0}
    assert descriptors.add_to_set(7, "seven", [b]) == {"fd": b, "fdset-id": 7}
    assert descriptors.add_to_set(None, "", [c]) == {"fd": c, "fdset-id": 1}
    assert descriptors.add_to_set(7, None, [d]) == {"fd": d, "fdset-id": 7}

    assert descriptors.describe_sets() == [
        {"fds": [{"fd": b, "opaque": "seven"}, {"fd": d}], "fdset-id": 7},
        {"fds": [{"fd": c, "opaque": ""}], "fdset-id": 1},
        {"fds": [{"fd": a}], "fdset-id": 0},
    ]
    descriptors.remove_from_set(7, b)
    assert [is_open(fd) for fd in (a, b, c, d)] == [True, False, True, True]
    descriptors.remove_from_set(0, None)
    assert [entry["fdset-id"] for entry in descriptors.describe_sets()] == [7, 1]
    descriptors.has_clients = False
    descriptors.clean_sets()
    assert descriptors.describe_sets() == []
    assert not any(map(is_open, (a, b, c, d)))


def test_a_set_below_zero(descriptors: Descriptors, new: New) -> None:
    fd = new()
    with pytest.raises(CommandError, match="Parameter 'fdset-id' expects a non-negative value"):
        descriptors.add_to_set(-1, None, [fd])
    assert not is_open(fd)


@pytest.mark.parametrize(
    ("set_id", "fd", "where"),
    [(5, None, "fdset-id:5"), (0, 999, "fdset-id:0, fd:999"), (-3, None, "fdset-id:-3")],
)
def test_what_is_in_no_set(
    descriptors: Descriptors, new: New, set_id: int, fd: int | None, where: str
) -> None:
    descriptors.add_to_set(None, None, [new()])
    with pytest.raises(CommandError, match=f"^GenericError: File descriptor named '{where}' not"):
        descriptors.remove_from_set(set_id, fd)


def test_a_set_in_use_outlives_its_members(descriptors: Descriptors, new: New) -> None:
    fd = new()
    descriptors.add_to_set(3, None, [fd])
    copies = [descriptors.open_lasting("/dev/fdset/3", os.O_RDWR) for _ in range(2)]

    descriptors.has_clients = False
    descriptors.clean_sets()
    assert is_open(fd)

    descriptors.has_clients = True
    descriptors.remove_from_set(3, None)
    assert not is_open(fd)
    assert descriptors.describe_sets() == [{"fds": [], "fdset-id": 3}]
    with pytest.raises(PermissionError):
        descriptors.open_path("/dev/fdset/3", os.O_RDWR)
    descriptors.remove_from_set(3, None)
    with pytest.raises(CommandError, match="'fdset-id:3, fd:9' not found"):
        descriptors.remove_from_set(3, 9)

    descriptors.close_lasting(copies[0])
    assert descriptors.describe_sets() == [{"fds": [], "fdset-id": 3}]
    descriptors.close_lasting(copies[1])
    assert descriptors.describe_sets() == []


def test_no_member_goes_while_the_guest_is_stopped(descriptors: Descriptors, new: New) -> None:
    fd = new()
    descriptors.is_running = lambda: False
    descriptors.add_to_set(0, None, [fd])

    descriptors.remove_from_set(0, None)
    assert descriptors.describe_sets() == [{"fds": [{"fd": fd}], "fdset-id": 0}]
    descriptors.is_running = lambda: True
    descriptors.clean_sets()
    assert descriptors.describe_sets() == []
