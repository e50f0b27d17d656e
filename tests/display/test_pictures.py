"""Pictures: PPM converted to PNG, and PNG in terminals."""

import re
import struct
import zlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpeer.display.pictures import Picture, inline_form, inline_text, picture_of_ppm, png_size

PIXELS = bytes(range(18))
PPM = b"P6\n3 2\n255\n" + PIXELS


def pixels_of(png: bytes) -> bytes:
    """Decode a PNG by its specification, and check its checksums."""
    at, data = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size]) == (
            zlib.crc32(kind + content),
        )
        data += content if kind == b"IDAT" else b""
        at += 12 + size
    rows = zlib.decompress(data)
    width, height = png_size(png)
    stride = 1 + 3 * width
    assert all(rows[line * stride] == 0 for line in range(height))
    return b"".join(rows[line * stride + 1 : (line + 1) * stride] for line in range(height))


@pytest.mark.parametrize(
    "ppm",
    [PPM, b"P6 3 2 255 " + PIXELS, b"P6\n# made by\n3 # x\n2\n255\n" + PIXELS, PPM + b"more"],
    ids=["plain", "blanks", "comments", "longer"],
)
def test_ppm_to_png(ppm: bytes) -> None:
    png = picture_of_ppm(ppm).png()
    assert png_size(png) == (3, 2)
    assert pixels_of(png) == PIXELS


@pytest.mark.parametrize(
    "data",
    [b"", b"P6", b"P6\n3 2\n255\n", PPM[:-1], b"P5" + PPM[2:], b"P6\n0 2\n255\n", b"P6 # x",
     b"P6 " + b"#\n" * 4096 + PPM[2:], b"P6 1 65536 255 " + bytes(3 * 65536),
     PPM.replace(b"255", b"65535"), b"P6 99999999 1 255 x", b"P6 -3 2 255 " + PIXELS],
)  # fmt: skip
def test_no_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match="wrote"):
        picture_of_ppm(data)
    with pytest.raises(ValueError, match="found no picture"):
        png_size(data)


@pytest.mark.parametrize(
    ("environment", "form"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "xterm"}, None),
        ({}, None),
    ],
)
def test_terminals(environment: dict[str, str], form: str | None) -> None:
    assert inline_form(environment) == form


def test_in_kitty() -> None:
    png = bytes(range(256)) * 40
    texts = list(inline_text(png, "kitty"))
    parts = [re.fullmatch(r"\x1b_G(.*);(.*)\x1b\\", text) for text in texts[:-1]]
    assert [part[1] for part in parts if part] == ["a=T,f=100,m=1", "m=1", "m=1", "m=0"]
    assert b64decode("".join(part[2] for part in parts if part)) == png
    assert texts[-1] == "\n"


def test_in_iterm() -> None:
    (text,) = inline_text(b"png", "iterm")
    assert text == "\x1b]1337;File=inline=1;size=3:cG5n\a\n"


SCREEN = Picture(4, 3, bytes(range(36)))


def test_a_region() -> None:
    assert SCREEN.region(1, 1, 2, 2) == Picture(2, 2, bytes([*range(15, 21), *range(27, 33)]))
    assert SCREEN.region(0, 1, 4, 2) == Picture(4, 2, bytes(range(12, 36)))
    assert SCREEN.region(0, 0, 4, 3) == SCREEN
    assert SCREEN.pixel(3, 2) == (33, 34, 35)


@pytest.mark.parametrize(
    "place", [(-1, 0, 1, 1), (0, 0, 5, 1), (0, 0, 1, 4), (4, 0, 1, 1), (0, 0, 0, 1), (1, 1, 4, 1)]
)
def test_no_region(place: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected a part of 4x3"):
        SCREEN.region(*place)


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_differences(width: int, height: int, data: st.DataObject) -> None:
    count = width * height
    pixels = st.lists(st.sampled_from([b"abc", b"abd", b"xbc"]), min_size=count, max_size=count)
    one, other = data.draw(pixels), data.draw(pixels)
    changed = sum(a != b for a, b in zip(one, other, strict=True))
    found = Picture(width, height, b"".join(one)).difference(
        Picture(width, height, b"".join(other))
    )
    assert found == pytest.approx(changed / count)


def test_another_size_is_another_picture() -> None:
    assert SCREEN.difference(Picture(3, 4, SCREEN.pixels)) == 1.0
