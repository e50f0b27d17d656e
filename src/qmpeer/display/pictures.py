"""Pictures of a screen: read from PPM, compared, written as PNG, and shown in a terminal."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from qmpeer import limits

PNG: Final = b"\x89PNG\r\n\x1a\n"
"""The signature at the beginning of a PNG."""
_KITTY_CHUNK: Final = 4096
_WHITE: Final = b" \t\r\n\v\f"


class Picture(NamedTuple):
    """A picture of a screen.

    Attributes:
        width: Its width in pixels.
        height: Its height in pixels.
        pixels: Its rows from the top, three bytes a pixel: red, green, blue.

    Example:
        >>> picture = picture_of_ppm(b"P6 2 1 255 abcdef")
        >>> picture.pixel(1, 0), picture.region(1, 0, 1, 1).pixels
        ((100, 101, 102), b'def')
        >>> png_size(picture.png())
        (2, 1)
    """

    width: int
    height: int
    pixels: bytes

    def __repr__(self) -> str:
        return f"<Picture {self.width}x{self.height}>"

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Return the colour of a pixel: red, green, blue, each from 0 to 255."""
        red, green, blue = self.region(x, y, 1, 1).pixels
        return red, green, blue

    def region(self, x: int, y: int, width: int, height: int) -> "Picture":
        """Return a part of it, from its upper left corner and its size.

        Raises:
            ValueError: If that isn't within the picture.
        """
        if not (0 <= x < x + width <= self.width and 0 <= y < y + height <= self.height):
            found = f"{width}x{height} at {x},{y}"
            raise ValueError(f"found {found}, expected a part of {self.width}x{self.height}")
        if width == self.width:
            part = self.pixels[3 * y * width : 3 * (y + height) * width]
        else:
            starts = (3 * (row * self.width + x) for row in range(y, y + height))
            part = b"".join(self.pixels[start : start + 3 * width] for start in starts)
        return Picture(width, height, part)

    def difference(self, other: "Picture") -> float:
        """Return the share of pixels that differ, from 0 to 1; 1 if the sizes do.

        Example:
            >>> Picture(2, 1, b"abcabc").difference(Picture(2, 1, b"abcabd"))
            0.5
        """
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        if self.pixels == other.pixels:
            return 0.0
        # Whole pictures as numbers: a loop over the pixels would take a hundred times as long.
        size = len(self.pixels)
        changed = _number(self.pixels) ^ _number(other.pixels)
        bits = changed.to_bytes(size, "big")
        pixels = _number(bits[0::3]) | _number(bits[1::3]) | _number(bits[2::3])
        count = size // 3
        return 1 - pixels.to_bytes(count, "big").count(0) / count

    def png(self) -> bytes:
        """Return it as a PNG."""
        stride = 3 * self.width
        rows = b"".join(
            b"\0" + self.pixels[line * stride : (line + 1) * stride] for line in range(self.height)
        )
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return PNG + b"".join(
            (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b""))
        )


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def picture_of_ppm(data: bytes) -> Picture:
    """Read a PPM. The PPM is P6 with 8 bits a sample, as QEMU writes it.

    Raises:
        ValueError: If the data isn't such a PPM.
    """
    header = data[: limits.PICTURE_HEADER]
    words: list[bytes] = []
    at = 0
    while len(words) < 4:
        while header[at : at + 1] in (b" ", b"\t", b"\r", b"\n", b"#"):
            if header[at : at + 1] == b"#":
                at = header.find(b"\n", at) if b"\n" in header[at:] else len(header)
            at += 1
        start = at
        while at < len(header) and header[at] not in _WHITE:
            at += 1
        if start == at:
            raise ValueError("wrote no picture: its header ends too soon, or is too long")
        words.append(header[start:at])
    magic, *numbers = words
    if magic != b"P6" or not all(word.isdigit() and len(word) < 8 for word in numbers):
        raise ValueError("wrote no picture in the format PPM")
    width, height, most = map(int, numbers)
    if max(width, height) > limits.PICTURE_SIDE:
        expected = f"expected at most {limits.PICTURE_SIDE} pixels a side"
        raise ValueError(f"wrote a picture of {width}x{height}, {expected}")
    pixels = data[at + 1 : at + 1 + 3 * width * height]
    if most != 255 or not width or not height or len(pixels) < 3 * width * height:
        raise ValueError("wrote a picture that isn't complete, or has not 8 bits a sample")
    return Picture(width, height, pixels)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_size(data: bytes) -> tuple[int, int]:
    """Return the width and the height of a PNG.

    Raises:
        ValueError: If the data isn't a PNG.
    """
    if not data.startswith(PNG) or len(data) < 24:
        raise ValueError("found no picture in the format PNG")
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def inline_form(environment: Mapping[str, str]) -> str | None:
    """Return a terminal's protocol for pictures: "kitty", "iterm", or None if it has none.

    Example:
        >>> inline_form({"TERM": "xterm-kitty"}), inline_form({"TERM_PROGRAM": "iTerm.app"})
        ('kitty', 'iterm')
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if term.startswith(("screen", "tmux")):
        return None  # multiplexers don't pass pictures on to the terminal
    if "KITTY_WINDOW_ID" in environment or "kitty" in term or "ghostty" in term:
        return "kitty"
    return "iterm" if program in ("iTerm.app", "WezTerm", "mintty") else None


def inline_text(png: bytes, form: str) -> Iterator[str]:
    """Yield the sequences that show a PNG in a terminal.

    Spec: kitty's graphics protocol, "A minimal example"; iTerm2's "Inline Images Protocol".
    """
    text = b64encode(png).decode("ascii")
    if form == "iterm":
        yield f"\x1b]1337;File=inline=1;size={len(png)}:{text}\a\n"
        return
    for at in range(0, len(text), _KITTY_CHUNK):
        begin = "a=T,f=100," if at == 0 else ""
        more = int(at + _KITTY_CHUNK < len(text))
        yield f"\x1b_G{begin}m={more};{text[at : at + _KITTY_CHUNK]}\x1b\\"
    yield "\n"
