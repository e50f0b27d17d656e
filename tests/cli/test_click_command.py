"""``qmpeer click``: each option as events that reach the server."""

from pathlib import Path

import pytest

from qmpeer.cli.main import main
from tests.cli.scripted_server import Scripted
from tests.client.test_pointer import MOUSE, TABLET, Desk


def click(desk: Desk, folder: Path, *words: str) -> int:
    answers = {
        "query-mice": desk.mice,
        "screendump": desk.screendump,
        "input-send-event": desk.events,
    }
    with Scripted(folder / "q", answers) as server:
        return main(["click", server.address, *words])


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], ["abs x", "abs y", "+left", "-left"]),
        (["--move"], ["abs x", "abs y"]),
        (["--button", "right"], ["abs x", "abs y", "+right", "-right"]),
        (["--count", "2"], ["abs x", "abs y", *["+left", "-left"] * 2]),
        (["--scroll", "-1"], ["abs x", "abs y", "+wheel-up", "-wheel-up"]),
        (["--to", "20,30"], ["abs x", "abs y", "+left", *["abs x", "abs y"] * 10, "-left"]),
    ],
    ids=lambda words: " ".join(words) or "click",
)
def test_options(words: list[str], seen: list[str], tmp_path: Path) -> None:
    desk = Desk(TABLET)
    assert click(desk, tmp_path, "10", "10", *words) == 0
    assert [what for what, _ in desk.seen] == seen


def test_a_mouse_on_another_screen(tmp_path: Path) -> None:
    desk = Desk(MOUSE)
    assert click(desk, tmp_path, "10", "20", "--move", "--device", "d", "--head", "1") == 0
    assert desk.place() == (10, 20)
    assert all(each == {"device": "d", "head": 1} for each in desk.options)


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["200", "0"], 2, "found the place 200,0, expected one on the screen of 200x100"),
        (["0", "0", "--count", "101"], 2, "found 101 times, expected 1 to 100"),
        (["0", "0", "--to", "5"], 2, "argument --to: invalid place value: '5'"),
        (["0", "0", "--move", "--scroll", "1"], 2, "argument --scroll: not allowed with"),
        (["0", "-1"], 2, "argument Y: invalid natural value"),
        (["0", "0", "--head", "1"], 2, "found --head without --device"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes(
    words: list[str],
    status: int,
    text: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert click(Desk(TABLET), tmp_path, *words) == status
    assert capsys.readouterr().err.startswith(f"qmpeer click: {text}")


def test_no_pointer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert click(Desk(), tmp_path, "0", "0") == 1
    assert "the machine has no pointer, expected a device such as usb-tablet" in (
        capsys.readouterr().err
    )
