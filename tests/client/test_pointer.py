"""The pointer of both clients: tablets, mice, and buttons that are never left pressed.

Modules: pointing.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from qmpeer import AsyncClient, CommandError
from qmpeer.errors import AnswerError
from tests.cli.scripted_server import Scripted
from tests.client.faces import Face, Vm
from tests.patience import PATIENCE

WIDTH, HEIGHT = 200, 100
PPM = b"P6 %d %d 255 " % (WIDTH, HEIGHT) + bytes(3 * WIDTH * HEIGHT)
MOUSE = {"index": 2, "name": "QEMU PS/2 Mouse", "current": True, "absolute": False}
TABLET = {"index": 3, "name": "QEMU HID Tablet", "current": True, "absolute": True}


class Desk:
    """A machine with a pointer, and what happens to it: "abs x", "rel y -100", "+left", …"""

    def __init__(self, *mice: dict[str, Any], refuse: Callable[[str], bool] = lambda _: False):
        self.mice = list(mice)
        self.seen: list[tuple[str, Any]] = []
        self.options: list[dict[str, Any]] = []
        self._refuse = refuse

    def screendump(self, filename: str, **options: Any) -> Any:
        self.options.append(options)
        Path(filename).write_bytes(PPM)
        return {}

    def events(self, events: list[dict[str, Any]], **options: Any) -> Any:
        self.options.append(options)
        for event in events:
            data = event["data"]
            if event["type"] == "btn":
                what = f"{'+' if data['down'] else '-'}{data['button']}"
                if self._refuse(what):
                    return CommandError("GenericError", "VM not running")
                self.seen.append((what, None))
            else:
                self.seen.append((f"{event['type']} {data['axis']}", data["value"]))
        return {}

    @property
    def buttons(self) -> list[str]:
        return [what for what, _ in self.seen if what[0] in "+-"]

    def place(self) -> tuple[int, int]:
        """Return the place to which all relative movements together lead."""
        x = y = 0
        for what, value in self.seen:
            if what == "rel x":
                x = max(0, min(x + value, WIDTH - 1))
            if what == "rel y":
                y = max(0, min(y + value, HEIGHT - 1))
        return x, y


@contextmanager
def at(desk: Desk, face: Face, folder: Path) -> Iterator[Vm]:
    answers = {
        "query-mice": desk.mice,
        "screendump": desk.screendump,
        "input-send-event": desk.events,
    }
    with Scripted(folder / "q", answers) as server, face.connect(server.address) as vm:
        yield vm


def point(vm: Vm, method: str, *words: Any, **options: Any) -> None:
    vm.start_on(vm.client.pointer, method, *words, **options).result()


@pytest.mark.parametrize(
    ("x", "y", "values"),
    [(0, 0, (81, 163)), (199, 99, (32685, 32603)), (100, 50, (16465, 16547))],
    ids=["upper-left", "lower-right", "middle"],
)
def test_a_tablet(x: int, y: int, values: tuple[int, int], face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm:
        point(vm, "move", x, y)
    assert desk.seen == [("abs x", values[0]), ("abs y", values[1])]
    # A guest that divides by either number of positions finds the same pixel.
    for positions in (0x7FFF, 0x8000):
        assert (values[0] * WIDTH // positions, values[1] * HEIGHT // positions) == (x, y)


def test_a_mouse_goes_by_the_corner(face: Face, tmp_path: Path) -> None:
    desk = Desk({**TABLET, "current": False}, MOUSE)
    with at(desk, face, tmp_path) as vm:
        point(vm, "click", 150, 20)
    assert desk.place() == (150, 20)
    assert max(abs(value) for _, value in desk.seen if value is not None) <= 100
    assert [what for what, _ in desk.seen][-2:] == ["+left", "-left"]


def test_clicks(face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm:
        point(vm, "click", 1, 1, "right", count=2, device="video0", head=1)
    assert desk.buttons == ["+right", "-right"] * 2
    assert all(each == {"device": "video0", "head": 1} for each in desk.options)


def test_a_drag(face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm:
        point(vm, "drag", 0, 0, 199, 99)
    names = [what for what, _ in desk.seen]
    assert names[2] == "+left"
    assert names[-1] == "-left"
    assert names[3:-1] == ["abs x", "abs y"] * 10
    assert [value for _, value in desk.seen[-3:-1]] == [32685, 32603]


def test_the_wheel(face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm:
        point(vm, "scroll", 2)
        point(vm, "scroll", -1, 1, at=(0, 0))
        point(vm, "scroll", 0, -1)
    presses = [each for each in desk.buttons if each[0] == "+"]
    assert presses == ["+wheel-down"] * 2 + ["+wheel-up", "+wheel-right", "+wheel-left"]
    assert len(desk.buttons) == 2 * len(presses)


@pytest.mark.parametrize(
    ("method", "words", "options", "text"),
    [
        ("move", (WIDTH, 0), {}, "found the place 200,0, expected one on the screen of 200x100"),
        ("move", (0, -1), {}, "found the place 0,-1"),
        ("click", (0, HEIGHT), {}, "found the place 0,100"),
        ("click", (0, 0), {"count": 0}, "found 0 times, expected 1 to 100"),
        ("drag", (0, 0, 0, HEIGHT), {}, "found the place 0,100"),
        ("scroll", (101,), {}, "found 101 times, expected 0 to 100"),
        ("move", (0, 0), {"head": 1}, "found head 1 without its device"),
        ("move", (0.5, 0), {}, "found the place 0.5,0, expected whole pixels"),
        ("click", (0, 0, "links"), {}, "found button 'links', expected one of left, middle, "),
        ("drag", (0, 0, 1, 1, "links"), {}, "found button 'links'"),
    ],
)
def test_mistakes(
    method: str, words: Any, options: dict[str, Any], text: str, face: Face, tmp_path: Path
) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm, pytest.raises((ValueError, TypeError), match=text):
        point(vm, method, *words, **options)
    assert desk.seen == []


def test_no_pointer(face: Face, tmp_path: Path) -> None:
    with at(Desk(), face, tmp_path) as vm, pytest.raises(CommandError, match="has no pointer"):
        point(vm, "move", 0, 0)


def test_an_odd_answer(face: Face, tmp_path: Path) -> None:
    with at(Desk({"name": 1}), face, tmp_path) as vm, pytest.raises(AnswerError):
        point(vm, "move", 0, 0)


def test_a_button_whose_release_fails_is_released_again(face: Face, tmp_path: Path) -> None:
    attempts: list[str] = []

    def refuse(what: str) -> bool:
        attempts.append(what)
        return what == "-left" and attempts.count(what) == 1

    desk = Desk(TABLET, refuse=refuse)
    with at(desk, face, tmp_path) as vm, pytest.raises(CommandError) as caught:
        point(vm, "click", 0, 0)
    assert attempts == ["+left", "-left", "-left"]
    assert not hasattr(caught.value, "__notes__")


def test_a_button_that_stays_pressed(face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET, refuse=lambda what: what == "-left")
    with at(desk, face, tmp_path) as vm, pytest.raises(CommandError) as caught:
        point(vm, "click", 0, 0)
    assert caught.value.__notes__ == [
        "button left may still be pressed, releasing failed: GenericError: VM not running"
    ]


def test_a_coroutine_that_is_closed_ends_silently(tmp_path: Path) -> None:
    """It can't wait for the release any more."""
    desk = Desk(TABLET)
    answers = {
        "query-mice": desk.mice,
        "screendump": desk.screendump,
        "input-send-event": desk.events,
    }

    async def close_early(address: str) -> None:
        async with await AsyncClient.connect(address, timeout=PATIENCE) as vm:
            dragging = vm.pointer.drag(0, 0, 100, 0)
            while not desk.buttons:
                waited_for = dragging.send(None)
                while waited_for is not None and not waited_for.done():
                    await asyncio.sleep(0)
            dragging.close()
            await vm.execute("query-mice")  # after the release

    with Scripted(tmp_path / "q", answers) as server:
        asyncio.run(close_early(server.address))
    assert desk.buttons == ["+left", "-left"]


def test_a_drag_that_ends_early_releases_the_button(face: Face, tmp_path: Path) -> None:
    desk = Desk(TABLET)
    with at(desk, face, tmp_path) as vm, pytest.raises(TimeoutError):
        point(vm, "drag", 0, 0, 100, 0, timeout=0.1)
    assert desk.buttons in ([], ["+left", "-left"])
