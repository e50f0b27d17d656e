"""Text of several layouts, a pointer's movements, and a screen that changes, in a Linux guest."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmpeer.values import JsonValue
from tests.guest.typing_text import Keyboard
from tests.linux_guest import Guest

pytestmark = [pytest.mark.real, pytest.mark.slow]
DEVICES = ("-device", "qemu-xhci", "-device", "usb-tablet")
EVENT = struct.Struct("<qqHHi")
"""evdev's record: seconds, microseconds, type, code, value."""


@pytest.fixture(scope="module")
def guest(start_guest: Callable[..., Guest]) -> Iterator[Guest]:
    with start_guest(*DEVICES, has_screen=True) as made:
        yield made


@pytest.fixture(scope="module")
def keyboard(guest: Guest) -> Keyboard:
    return Keyboard(guest)


@pytest.mark.parametrize(
    ("layout", "keys", "text"),
    [
        ("fr", ("a", "2", "0", "shift-2", "bracket_left", "e"), "qéà2ê"),
        ("us:intl", ("apostrophe", "e", "shift-grave_accent", "n", "alt_r-s"), "éñß"),
        ("ru", ("g", "h", "shift-d"), "прВ"),
    ],
    ids=["fr", "us-intl", "ru"],
)
def test_layout(
    guest: Guest, keyboard: Keyboard, layout: str, keys: tuple[str, ...], text: str
) -> None:
    guest.load_keys(layout)
    keyboard.press(*keys, "ret")
    assert guest.typed.read_line(b"\r").decode() == f"{text}\r"


def test_pointer(guest: Guest) -> None:
    guest.wait_until("grep -q Tablet /proc/bus/input/devices")
    names = guest.run("grep -l Tablet /sys/class/input/event*/device/name").split("/")
    guest.run(f"exec 8</dev/input/{names[4]}; cat <&8 >/dev/ttyS3 &")
    moves: list[JsonValue] = [
        {"type": "abs", "data": {"axis": axis, "value": value}}
        for axis, value in (("x", 16384), ("y", 8192))
    ]
    guest.client.execute("input-send-event", {"events": moves})
    seen: dict[tuple[int, int], int] = {}
    while (3, 1) not in seen:
        _, _, kind, code, value = EVENT.unpack(guest.pointer.read(EVENT.size))
        seen[kind, code] = value
    assert seen == {(3, 0): 16384, (3, 1): 8192}


def test_screen(guest: Guest, tmp_path: Path) -> None:
    def picture() -> bytes:
        file = tmp_path / "screen.ppm"
        guest.client.execute("screendump", {"filename": str(file)})
        return file.read_bytes()

    before = picture()
    guest.run("printf '\\033[7m%s\\033[0m' 'text on the screen' >/dev/tty1")
    after = picture()
    assert len(after) == len(before)
    assert after != before
