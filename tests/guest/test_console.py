"""Keys that a client sends, read as text from the console of a Linux guest."""

from collections.abc import Callable, Iterator

import pytest

from qmpeer.values import JsonValue
from tests.linux_guest import Guest

pytestmark = [pytest.mark.real]


@pytest.fixture(scope="module")
def guest(start_guest: Callable[..., Guest]) -> Iterator[Guest]:
    with start_guest("-vga", "std") as made:
        yield made


def press(guest: Guest, *keys: str) -> None:
    names: list[JsonValue] = [{"type": "qcode", "data": key} for key in keys]
    guest.client.execute("send-key", {"keys": names, "hold-time": 1})


def test_letters_and_dead_keys_of_a_layout(guest: Guest) -> None:
    guest.load_keys("de")
    for keys in (("apostrophe",), ("shift", "apostrophe"), ("y",), ("alt_r", "q"), ("equal",)):
        press(guest, *keys)
    press(guest, "e")
    press(guest, "ret")
    assert guest.typed.read_line(b"\r").decode() == "äÄz@é\r"
