"""``qmpeer type``: what reaches the server, and what is refused before there is a connection."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qmpeer import CommandError
from qmpeer.cli.main import main
from tests.cli.scripted_server import Scripted

FAST = ["--rate", "500"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scripted]:
    answers: dict[str, Any] = {"input-send-event": {}, "send-key": {}}
    with Scripted(tmp_path / "q", answers) as made:
        yield made


def keys(server: Scripted) -> list[str]:
    return [
        "-".join(key["data"] for key in arguments["keys"])
        for name, arguments in server.seen
        if name == "send-key"
    ]


def test_a_text(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["type", server.address, "Ab", "--enter", *FAST]) == 0
    assert keys(server) == ["shift-a", "b", "ret"]
    assert capsys.readouterr() == ("", "")


def test_combinations(server: Scripted) -> None:
    words = ["--press", "ctrl-alt-del", "--press", "win+r"]
    assert main(["type", server.address, "x", *words, *FAST]) == 0
    assert keys(server) == ["x", "ctrl-alt-delete", "meta_l-r"]


def test_standard_input(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"a\nb\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["type", server.address, "-", *FAST]) == 0
    assert keys(server) == ["a", "ret", "b", "ret"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\xff", "found the byte 0xff in the text, expected UTF-8"),
        (b"a" * 65537, "found a text of 65537 characters, expected at most 65536"),
        (None, "found a closed standard input"),
    ],
    ids=["not-utf-8", "long", "closed"],
)
def test_bad_standard_input(
    data: bytes | None,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = None if data is None else SimpleNamespace(buffer=io.BytesIO(data))
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["type", "/nowhere", "-"]) == 2
    assert capsys.readouterr().err.startswith(f"qmpeer type: {text}")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "found nothing to type, expected TEXT, --press or --enter"),
        (
            ["aä€"],
            'layout "us" can\'t type "ä" (U+00E4 LATIN SMALL LETTER A WITH ',
        ),
        (["a", "--layout", "../x"], 'layout "../x": expected a name such as "de"'),
        (["--press", "ctlr-a"], "keys \"ctlr-a\": found 'ctlr', expected the name of a key; "),
        (["a", "--rate", "0"], "argument --rate: "),
        (["a", "--rate", "1e-320"], "argument --rate: "),
        (["a", "--rate", "501"], "argument --rate: "),
        (["\udcff"], "found '\\udcff', expected text in UTF-8"),
    ],
    ids=["nothing", "untypable", "layout", "key", "rate-0", "rate-tiny", "rate-501", "bytes"],
)
def test_mistakes_are_found_before_connecting(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["type", "/nowhere", *words]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"qmpeer type: {text}")
    assert line.count("\n") == 1


def test_a_stopped_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"input-send-event": CommandError("GenericError", "VM not running")}
    with Scripted(tmp_path / "q", answers) as server:
        assert main(["type", server.address, "a"]) == 1
    assert capsys.readouterr().err == "qmpeer type: GenericError: VM not running\n"
