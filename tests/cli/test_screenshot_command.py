"""``qmpeer screenshot`` on a real machine, with every way of passing the picture."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.cli.main import main
from qmpeer.display.pictures import PNG, png_of_ppm, png_size
from qmpeer.inventory import screen_dump as module
from tests.cli.programs import Start, at_terminal
from tests.cli.scripted_server import Scripted
from tests.patience import PATIENCE
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
@pytest.mark.parametrize("forms", [("png", None), (None,)], ids=["png", "ppm"])
@pytest.mark.parametrize("way", ["by_descriptor", "by_path"])
def test_all_ways(
    way: str, forms: tuple[Any, ...], qemu: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FORMATS", forms)
    take: Callable[..., bytes] = getattr(module, f"_{way}")
    with Client.connect(qemu, command_timeout=PATIENCE) as vm:
        png = take(vm, {})
    assert png.startswith(PNG)
    assert min(png_size(png)) >= 100


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


def old_server(tmp_path: Path, data: bytes) -> Scripted:
    """A server like QEMU before 7.1, which accepts no descriptors."""

    def screendump(filename: str, format: str | None = None) -> Any:
        if format is not None:
            return CommandError("GenericError", "Parameter 'format' is unexpected")
        Path(filename).write_bytes(data)
        return {}

    return Scripted(tmp_path / "q", {"screendump": screendump})


def test_an_old_server(tmp_path: Path) -> None:
    with old_server(tmp_path, PPM) as server:
        assert main(["screenshot", server.address, str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").read_bytes() == png_of_ppm(PPM)


def test_a_file_that_can_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "nowhere" / "x.png")
    with old_server(tmp_path, PPM) as server:
        assert main(["screenshot", server.address, path]) == 2
    assert capsys.readouterr().err == f"qmpeer screenshot: {path}: No such file or directory\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "the server wrote no picture where it can be read"), (b"x", "the server wrote no pic")],
)
def test_a_server_that_writes_elsewhere(
    data: bytes, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with old_server(tmp_path, data) as server:
        assert main(["screenshot", server.address, str(tmp_path / "x.png")]) == 3
    assert capsys.readouterr().err.startswith(f"qmpeer screenshot: {reason}")
    assert not (tmp_path / "x.png").exists()


def test_in_the_terminal(tmp_path: Path) -> None:
    with old_server(tmp_path, PPM) as server:
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
