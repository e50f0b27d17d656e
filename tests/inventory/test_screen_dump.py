"""Pictures that a server writes into a file."""

from pathlib import Path
from typing import Any

import pytest

from qmpeer import Client, CommandError
from qmpeer.display.pictures import png_of_ppm
from qmpeer.inventory.screen_dump import UnreadableError, screen_dump
from tests.cli.scripted_server import Scripted

PPM = b"P6 2 1 255 abcdef"


def dumped(folder: Path, data: bytes) -> bytes:
    """Take a picture from a server before 7.1 that accepts no descriptors and writes this."""

    def screendump(filename: str, device: str, format: str | None = None) -> Any:
        assert device == "d"
        if format is not None:
            return CommandError("GenericError", "Parameter 'format' is unexpected")
        Path(filename).write_bytes(data)
        return {}

    with (
        Scripted(folder / "q", {"screendump": screendump}) as server,
        Client.connect(server.address) as client,
    ):
        return screen_dump(client, server.address, {"device": "d"})


def test_a_picture(tmp_path: Path) -> None:
    assert dumped(tmp_path, PPM) == png_of_ppm(PPM)
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == []


@pytest.mark.parametrize("data", [b"", b"x", PPM[:-1]])
def test_none(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"^the server wrote "):
        dumped(tmp_path, data)
