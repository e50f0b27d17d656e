"""``qmpeer screenshot`` on a real machine, with every way of passing the picture."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client
from qmpeer.cli.main import main
from qmpeer.display.pictures import PNG, picture_of_ppm, png_size
from tests.cli.programs import Start, at_terminal
from tests.cli.scripted_server import Scripted
from tests.qemu import QEMU

real = pytest.mark.real
PPM = b"P6 2 1 255 abcdef"


@real
def test_into_a_file(qemu: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "screen.png"
    assert main(["screenshot", qemu, str(file)]) == 0
    assert main(["screenshot", qemu, str(file), "--device", "screen", "--head", "0", "--json"]) == 0
    width, height = png_size(file.read_bytes())
    text, line = capsys.readouterr().out.splitlines()
    assert text == f"{file}: {width}x{height}"
    assert json.loads(line) == {"file": str(file), "width": width, "height": height}
    assert os.listdir(tmp_path) == ["screen.png"]


@real
def test_over_tcp(program: Callable[[str], str], start: Start, tmp_path: Path) -> None:
    path = tmp_path / "q"
    argv = [program(QEMU), "-machine", "q35", "-m", "16", "-accel", "tcg", "-S"]
    options = ["-display", "none", "-qmp", f"unix:{path},server=on,wait=off"]
    start([*argv, *options, "-qmp", "tcp:127.0.0.1:0,server=on,wait=off"], path)
    with Client.connect(path) as vm:
        names = [each["filename"] for each in vm.execute("query-chardev")]
    port = next(name for name in names if "tcp:" in name).partition(",")[0].rpartition(":")[2]
    assert main(["screenshot", f"tcp:127.0.0.1:{port}", str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(PNG)


@real
def test_what_the_server_refuses(
    qemu: str, daemon: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["screenshot", qemu, str(tmp_path / "x"), "--device", "nope"]) == 1
    assert main(["screenshot", daemon, str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "qmpeer screenshot: DeviceNotFound: Device 'nope' not found",
        "qmpeer screenshot: CommandNotFound: The command screendump has not been found",
    ]
    assert os.listdir(tmp_path) == []


def plain_server(tmp_path: Path, data: bytes) -> Scripted:
    """A server that accepts no descriptors."""

    def screendump(filename: str) -> Any:
        Path(filename).write_bytes(data)
        return {}

    return Scripted(tmp_path / "q", {"screendump": screendump})


def test_a_server_without_descriptors(tmp_path: Path) -> None:
    with plain_server(tmp_path, PPM) as server:
        assert main(["screenshot", server.address, str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").read_bytes() == picture_of_ppm(PPM).png()


def test_a_file_that_can_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "nowhere" / "x.png")
    with plain_server(tmp_path, PPM) as server:
        assert main(["screenshot", server.address, path]) == 2
    assert capsys.readouterr().err == f"qmpeer screenshot: {path}: No such file or directory\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "the server wrote no picture where it can be read"), (b"x", "the server wrote no pic")],
)
def test_a_server_that_writes_elsewhere(
    data: bytes, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with plain_server(tmp_path, data) as server:
        assert main(["screenshot", server.address, str(tmp_path / "x.png")]) == 3
    assert capsys.readouterr().err.startswith(f"qmpeer screenshot: {reason}")
    assert not (tmp_path / "x.png").exists()


def test_in_the_terminal(tmp_path: Path) -> None:
    with plain_server(tmp_path, PPM) as server:
        shown = at_terminal("screenshot", server.address, "--show", TERM="xterm-kitty")
        assert (shown.status, shown.raw[:13]) == (0, b"\x1b_Ga=T,f=100,")
        shown = at_terminal("screenshot", server.address, "--show", columns=200)
        assert shown.status == 2
        assert "this terminal isn't known to show pictures" in shown.text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["q"], "found no FILE"),
        (["q", "x", "--head", "1"], "found --head without --device"),
        (["q", "x", "--device", "d", "--head", "-1"], "argument --head: "),
        (["q", "--show"], "this terminal isn't known"),
    ],
    ids=" ".join,
)
def test_usage_errors(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["screenshot", *words]) == 2
    assert capsys.readouterr().err.startswith(f"qmpeer screenshot: {text}")


def changing_server(tmp_path: Path, *pictures: bytes) -> Scripted:
    """A server whose screen shows these pictures, and then the last one again and again."""
    left = list(pictures)

    def screendump(filename: str) -> Any:
        Path(filename).write_bytes(left.pop(0) if len(left) > 1 else left[0])
        return {}

    return Scripted(tmp_path / "q", {"screendump": screendump})


def ppm(pixels: bytes) -> bytes:
    return b"P6 2 1 255 " + pixels


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmpeer.limits.SCREEN_INTERVAL_LEAST", 0.0)


def test_watching(tmp_path: Path, no_pause: None, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.png"
    a, b, c = map(ppm, (b"aaaaaa", b"bbbaaa", b"bbbccc"))
    with changing_server(tmp_path, a, a, b, b, c) as server:
        assert main(["screenshot", server.address, str(file), "--watch", "--count", "3"]) == 0
    names = [f"{tmp_path}/x-000{number}.png" for number in (1, 2, 3)]
    assert [Path(name).read_bytes() for name in names] == [
        picture_of_ppm(each).png() for each in (a, b, c)
    ]
    assert capsys.readouterr().out.splitlines() == [f"{name}: 2x1" for name in names]


def test_watching_a_region(tmp_path: Path, no_pause: None) -> None:
    a, b, c = map(ppm, (b"aaaaaa", b"bbbaaa", b"bbbccc"))
    words = ["--watch", "--count", "2", "--region", "1,0,1,1"]
    with changing_server(tmp_path, a, b, c) as server:
        assert main(["screenshot", server.address, str(tmp_path / "x.png"), *words]) == 0
    assert (tmp_path / "x-0002.png").read_bytes() == picture_of_ppm(c).png()


@pytest.mark.parametrize("words", [[], ["--count", "9"]])
def test_too_many_pictures(
    words: list[str],
    tmp_path: Path,
    no_pause: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("qmpeer.limits.PICTURES_WATCHED", 2)
    with changing_server(tmp_path, PPM, ppm(b"x" * 6), PPM) as server:
        file = str(tmp_path / "x.png")
        assert main(["screenshot", server.address, file, "--watch", *words]) == 3
    assert capsys.readouterr().err == "qmpeer screenshot: took 2 pictures, the most\n"


@pytest.mark.parametrize(("words", "status"), [([], 0), (["--count", "2"], 3)])
def test_the_end_of_watching(
    words: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--watch", "--for", "0.2", *words]
    with changing_server(tmp_path, PPM) as server:
        file = str(tmp_path / "x.png")
        assert main(["screenshot", server.address, file, *arguments]) == status
    assert (tmp_path / "x-0001.png").exists()
    errors = capsys.readouterr().err
    assert errors == ("qmpeer screenshot: found 1 of 2 pictures in 0.2 s\n" if status else "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["x", "--count", "1"], "found --count without --watch"),
        (["x", "--for", "1"], "found --for without --watch"),
        (["x", "--still", "1"], "found --still without --watch"),
        (["x", "--tolerance", "0.1"], "found --tolerance without --watch"),
        (["x", "--region", "0,0,1,1"], "found --region without --watch"),
        (["-", "--watch"], "found - with --watch, expected FILE"),
        (["x", "--watch", "--tolerance", "1"], "argument --tolerance: "),
        (["x", "--watch", "--region", "0,0,1"], "argument --region: "),
        (["x", "--watch", "--region", "0,0,3,1"], "found 3x1 at 0,0, expected a part of 2x1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_with_watch(
    words: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with changing_server(tmp_path, PPM) as server:
        assert main(["screenshot", server.address, *words]) == 2
    assert capsys.readouterr().err.startswith(f"qmpeer screenshot: {text}")
