"""Pictures of the screen, by every way, and waits for changes; decided by a clock of the test.

Modules: picture_file, screen_watch.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import CommandError
from qmpeer.client.picture_file import UnreadableError
from qmpeer.client.screen_watch import ScreenWatch
from qmpeer.display.pictures import Picture
from tests.cli.scripted_server import Scripted
from tests.client.faces import Face
from tests.client.scripted import connected, open_fds
from tests.patience import PATIENCE
from tests.qemu import QEMU

PPM = b"P6 2 1 255 abcdef"
PICTURE = Picture(2, 1, b"abcdef")


def writer(*pictures: bytes) -> Callable[..., Any]:
    """Return a command that writes these pictures, and then the last one again and again."""
    left = list(pictures)

    def screendump(filename: str, **options: Any) -> Any:
        Path(filename).write_bytes(left.pop(0) if len(left) > 1 else left[0])
        return {}

    return screendump


def test_by_a_path(face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answers = {"screendump": writer(PPM)}
    with Scripted(tmp_path / "q", answers) as server:
        with face.connect(server.address) as vm:
            assert vm.call("screenshot", device="d", head=1) == PICTURE
        (_, arguments) = server.seen[-1]
    assert (arguments["device"], arguments["head"]) == ("d", 1)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("qmpeer-")] == []


@pytest.mark.parametrize("is_refused", [False, True])
def test_by_a_descriptor(is_refused: bool, face: Face) -> None:
    with connected(face) as (vm, server):
        before = open_fds()
        taking = vm.start("screenshot")
        command, (fd,) = server.command_with_fds()
        assert command["execute"] == "add-fd"
        server.reply(command, {"fdset-id": 7, "fd": 20})
        command = server.command()
        assert command["arguments"] == {"filename": "/dev/fdset/7"}
        if is_refused:
            server.fail(command, "GenericError", "no console")
        else:
            os.write(fd, PPM)
            server.reply(command)
        os.close(fd)
        command = server.command()
        assert (command["execute"], command["arguments"]) == ("remove-fd", {"fdset-id": 7})
        server.fail(command, "GenericError", "ours counts")
        if is_refused:
            with pytest.raises(CommandError, match="no console"):
                taking.result(PATIENCE)
        else:
            assert taking.result(PATIENCE) == PICTURE
        assert open_fds() == before


def test_over_tcp_by_a_path(face: Face) -> None:
    with connected(face, tcp=True) as (vm, server):
        taking = vm.start("screenshot")
        command = server.command()
        Path(command["arguments"]["filename"]).write_bytes(PPM)
        server.reply(command)
        assert taking.result(PATIENCE) == PICTURE


@pytest.mark.parametrize("data", [b"", b"x", PPM[:-1]])
def test_none(data: bytes, face: Face, tmp_path: Path) -> None:
    answers = {"screendump": writer(data)}
    with Scripted(tmp_path / "q", answers) as server, face.connect(server.address) as vm:
        taking = vm.start("screenshot")
        with pytest.raises(UnreadableError, match=r"^the server wrote "):
            taking.result(PATIENCE)


def test_a_huge_one(face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.PICTURE", 10)
    answers = {"screendump": writer(PPM)}
    with Scripted(tmp_path / "q", answers) as server, face.connect(server.address) as vm:
        taking = vm.start("screenshot")
        with pytest.raises(UnreadableError, match="more than 10 bytes"):
            taking.result(PATIENCE)


@pytest.mark.real
def test_of_a_real_machine(face: Face, program: Callable[[str], str]) -> None:
    argv = [program(QEMU), "-machine", "q35", "-m", "16", "-accel", "tcg", "-S", "-display", "none"]
    with face.launch(argv, command_timeout=PATIENCE) as vm:
        picture = vm.call("screenshot")
        assert min(picture.width, picture.height) >= 100
        assert len(picture.pixels) == 3 * picture.width * picture.height
        # Several pictures through one descriptor, which a stopped QEMU 7.2 keeps.
        assert vm.call("wait_screen", still=0.2, interval=0.05) == picture
        kept = len(vm.execute("query-fdsets"))
        assert kept in (0, 2)
        vm.execute("cont")
        # The firmware writes to the screen; a blinking cursor isn't a change.
        after = vm.call("wait_screen", picture, still=0.3, tolerance=0.0002, timeout=PATIENCE)
        assert after.difference(picture) > 0.0002
        assert len(vm.execute("query-fdsets")) == kept


# Waits


def test_waiting_for_a_change(face: Face, tmp_path: Path) -> None:
    answers = {"screendump": writer(PPM, PPM, b"P6 2 1 255 abcdex")}
    with Scripted(tmp_path / "q", answers) as server, face.connect(server.address) as vm:
        mark = vm.call("screenshot")
        found = vm.call("wait_screen", mark, interval=0.0, timeout=PATIENCE)
        assert found == Picture(2, 1, b"abcdex")
        assert len([name for name, _ in server.seen if name == "screendump"]) == 3


def test_waiting_too_long(face: Face, tmp_path: Path) -> None:
    answers = {"screendump": writer(PPM)}
    with Scripted(tmp_path / "q", answers) as server, face.connect(server.address) as vm:
        mark = vm.call("screenshot")
        with pytest.raises(
            TimeoutError, match=r"^the screen didn't change within 0.2 s; a share of 0 of"
        ):
            vm.call("wait_screen", mark, timeout=0.2)


def test_a_server_that_falls_silent(face: Face) -> None:
    with connected(face, command_timeout=0.1) as (vm, server):
        waiting = vm.start("wait_screen", still=1.0, timeout=None)
        server.reply(server.command(), {"fdset-id": 7, "fd": 20})
        assert server.command()["execute"] == "screendump"
        server.reply(server.command())
        with pytest.raises(TimeoutError, match=r"^screendump wasn't answered in 0.1 s"):
            waiting.result(PATIENCE)


@pytest.mark.parametrize(
    "options",
    [{}, {"still": 0}, {"still": -1.0}, {"still": 1.0, "tolerance": 1.0},
     {"since": PICTURE, "tolerance": -0.1}, {"since": PICTURE, "region": (1, 0, 2, 1)},
     {"still": 1.0, "head": 1}],
)  # fmt: skip
def test_mistakes(options: dict[str, Any], face: Face) -> None:
    with connected(face) as (vm, server):
        with pytest.raises(ValueError, match=r"^found "):
            vm.call("wait_screen", **options)
        assert not server.has_input()


class Watching:
    """A watch with a clock of its own, which looks at pictures of a row of four pixels."""

    def __init__(self, **options: Any) -> None:
        self.time = 0.0
        self.watch = ScreenWatch(
            **{"since": None, "still": None, **options}, clock=lambda: self.time
        )

    def at(self, time: float, row: str) -> bool:
        self.time = time
        return self.watch.is_satisfied_by(row_of(row))


def row_of(row: str) -> Picture:
    return Picture(len(row), 1, b"".join(each.encode() * 3 for each in row))


def test_still() -> None:
    watching = Watching(still=2.0)
    seen = [(0, "aaaa"), (1, "aaab"), (2, "aaaa"), (3, "aaaa"), (3.9, "aaaa"), (4, "aaaa")]
    assert [watching.at(*each) for each in seen] == [False] * 5 + [True]


def test_still_after_a_change() -> None:
    watching = Watching(since=row_of("aaaa"), still=2.0)
    # Going back to the former picture is a change, too.
    seen = [(0, "aaaa"), (9, "aaaa"), (10, "bbbb"), (11, "aaaa"), (12, "aaaa"), (13, "aaaa")]
    assert [watching.at(*each) for each in seen] == [False] * 5 + [True]


def test_tolerance() -> None:
    watching = Watching(since=row_of("aaaa"), tolerance=0.25)
    assert [watching.at(0, row) for row in ("aaaa", "aaab", "baaa", "bbaa")] == [*[False] * 3, True]


def test_slow_changes_add_up() -> None:
    watching = Watching(still=3.0, tolerance=0.25)
    assert not any(watching.at(time, row) for time, row in enumerate(("aaaa", "baaa", "bbaa")))
    assert not watching.at(3, "bbba")
    assert not watching.at(4, "bbbb")


def test_a_region() -> None:
    watching = Watching(since=row_of("aaaa"), region=(1, 0, 2, 1))
    assert [watching.at(0, row) for row in ("baab", "abaa")] == [False, True]


def test_another_size_is_a_change() -> None:
    assert Watching(since=row_of("aaaa")).at(0, "aaaaa")


def test_what_did_not_happen() -> None:
    watching = Watching(still=2.0, tolerance=0.1)
    watching.at(0, "aaaa")
    watching.at(1, "aaab")
    assert watching.watch.late(5.0) == (
        "the screen didn't stand still for 2 s within 5 s; "
        "a share of 0.25 of its pixels differed in the last picture (tolerance 0.1)"
    )
