"""Pictures: conversion from PPM to PNG, and the sequences that show a PNG in a terminal."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
"""The signature at the beginning of a PNG."""
_KITTY_CHUNK: Final = 4096
_WHITE: Final = b" \t\r\n\v\f"


def png_of_ppm(data: bytes) -> bytes:
    """Convert a PPM to a PNG. The PPM is P6 with 8 bits a sample, as QEMU writes it.

    Raises:
        ValueError: If the data isn't such a PPM.

    Example:
        >>> png_size(png_of_ppm(b"P6 2 1 255 abcdef"))
        (2, 1)
    """
    words: list[bytes] = []
    at = 0
    while len(words) < 4:
        while data[at : at + 1] in (b" ", b"\t", b"\r", b"\n", b"#"):
            if data[at : at + 1] == b"#":
                at = data.find(b"\n", at) if b"\n" in data[at:] else len(data)
            at += 1
        start = at
        while at < len(data) and data[at] not in _WHITE:
            at += 1
        if start == at:
            raise ValueError("wrote no picture: its header ends too soon")
        words.append(data[start:at])
    magic, *numbers = words
    if magic != b"P6" or not all(word.isdigit() and len(word) < 8 for word in numbers):
        raise ValueError("wrote no picture in the format PPM")
    width, height, most = map(int, numbers)
    pixels = memoryview(data)[at + 1 :]
    stride = 3 * width
    if most != 255 or not width or not height or len(pixels) < stride * height:
        raise ValueError("wrote a picture that isn't complete, or has not 8 bits a sample")
    rows = b"".join(
        b"\0" + bytes(pixels[line * stride : (line + 1) * stride]) for line in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + b"".join(
        (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b""))
    )


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
