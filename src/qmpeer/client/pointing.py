"""The events that move a pointer, press its buttons and turn its wheel."""

from collections.abc import Iterator
from typing import Final

import msgspec

from qmpeer import limits
from qmpeer.client.answers import read_answer
from qmpeer.errors import CommandError
from qmpeer.values import JsonObject

_MOST: Final = 0x7FFF
"""The greatest position on an axis. QEMU: INPUT_EVENT_ABS_MAX."""


class _Mouse(msgspec.Struct):
    name: str
    current: bool
    absolute: bool


def is_absolute(answer: object) -> bool:
    """Read query-mice: True for a tablet, False for a mouse.

    Raises:
        CommandError: If the machine has no pointer.
    """
    mice = read_answer("query-mice", answer, list[_Mouse], "a list of pointers")
    current = next((each for each in mice if each.current), None)
    if current is None:
        reason = "the machine has no pointer, expected a device such as usb-tablet"
        raise CommandError("GenericError", reason, "query-mice")
    return current.absolute


def check_place(x: float, y: float, size: tuple[int, int]) -> None:
    """Check that a pixel is on the screen.

    Raises:
        ValueError: If it isn't.
        TypeError: If it isn't a place of whole pixels.
    """
    if not (isinstance(x, int) and isinstance(y, int)):
        raise TypeError(f"found the place {x},{y}, expected whole pixels")
    width, height = size
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"found the place {x},{y}, expected one on the screen of {width}x{height}")


def position(x: int, y: int, size: tuple[int, int]) -> JsonObject:
    """Return the event that puts a tablet's pointer on the middle of a pixel.

    Spec: QEMU, qapi/ui.json, InputMoveEvent.
    """
    places = (("x", x, size[0]), ("y", y, size[1]))
    return {
        "events": [
            {
                "type": "abs",
                "data": {"axis": axis, "value": (2 * place + 1) * _MOST // (2 * length)},
            }
            for axis, place, length in places
        ]
    }


def movements(dx: int, dy: int) -> Iterator[JsonObject]:
    """Yield the events that move a mouse's pointer by a number of pixels, in small steps."""
    while dx or dy:
        step = [max(-limits.POINTER_STEP, min(each, limits.POINTER_STEP)) for each in (dx, dy)]
        dx, dy = dx - step[0], dy - step[1]
        yield {
            "events": [
                {"type": "rel", "data": {"axis": axis, "value": value}}
                for axis, value in zip("xy", step, strict=True)
                if value
            ]
        }


BUTTONS: Final = ("left", "middle", "right", "side", "extra")
"""The names of buttons. Spec: QEMU, qapi/ui.json, InputButton without the wheel."""


def check_button(name: str) -> None:
    """Check a button's name.

    Raises:
        ValueError: If there is no such button.
    """
    if name not in BUTTONS:
        raise ValueError(f"found button {name!r}, expected one of {', '.join(BUTTONS)}")


def button(name: str, is_down: bool) -> JsonObject:
    """Return the event that presses or releases a button."""
    return {"events": [{"type": "btn", "data": {"button": name, "down": is_down}}]}


def wheel(dy: int, dx: int) -> tuple[str, ...]:
    """Return the buttons that turn the wheel, one for each notch; they stand for its directions.

    Raises:
        ValueError: If there are more than `limits.CLICKS`.
    """
    check_count(abs(dy) + abs(dx), 0)
    vertical = ("wheel-down" if dy > 0 else "wheel-up",) * abs(dy)
    return (*vertical, *(("wheel-right" if dx > 0 else "wheel-left",) * abs(dx)))


def check_count(count: int, least: int) -> None:
    """Check a number of clicks.

    Raises:
        ValueError: If it is out of range.
    """
    if not least <= count <= limits.CLICKS:
        raise ValueError(f"found {count} times, expected {least} to {limits.CLICKS}")


def between(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield places on the way from one to another; the last one is the end."""
    for step in range(1, limits.DRAG_STEPS + 1):
        yield (
            start[0] + (end[0] - start[0]) * step // limits.DRAG_STEPS,
            start[1] + (end[1] - start[1]) * step // limits.DRAG_STEPS,
        )
