"""A keyboard at a desktop: libxkbcommon's state machine and libX11's Compose table.

It reads keys being pressed and released, one by one, and gives the text that a program would get.
Nothing here is shared with the code that plans the strokes.
"""

from collections.abc import Iterable
from ctypes import CDLL, byref, c_char_p, c_int, c_uint32, c_void_p, create_string_buffer

import pytest

from qmpeer.keyboard import KEY_CODES, Stroke
from qmpeer.keyboard.xkb_library import _Names

COMPOSING, COMPOSED, CANCELLED = 1, 2, 3
DOWN, UP = 1, 0
UNKNOWN = "<no such composition>"
"""What a dead key and a character type if the Compose table doesn't have the two."""


class XkbTyper:
    """A keyboard with one layout.

    Args:
        layout: The layout as XKB names it.
        variant: Its variant, or "".
    """

    def __init__(self, layout: str, variant: str = "") -> None:
        try:
            self._library = CDLL("libxkbcommon.so.0")
        except OSError:
            pytest.skip("libxkbcommon.so.0 is not installed")
        context = self._pointer("context_new", 2)
        names = _Names(b"evdev", b"pc105", layout.encode(), variant.encode(), b"")
        keymap = self._pointer("keymap_new_from_names", c_void_p(context), byref(names), 0)
        if not keymap:
            pytest.skip(f"xkb-data has no {layout}({variant})")
        table = self._pointer(
            "compose_table_new_from_locale", c_void_p(context), c_char_p(b"en_US.UTF-8"), 0
        )
        if not table:
            pytest.skip("libx11-data is not installed")
        self._state = c_void_p(self._pointer("state_new", c_void_p(keymap)))
        self._compose = c_void_p(self._pointer("compose_state_new", c_void_p(table), 0))

    def _pointer(self, name: str, *arguments: object) -> int:
        function = self._library[f"xkb_{name}"]
        function.restype = c_void_p
        return int(function(*arguments) or 0)

    def text(self, strokes: Iterable[Stroke]) -> str:
        """Return the text that strokes type."""
        return "".join(self._text_of(stroke) for stroke in strokes)

    def _text_of(self, stroke: Stroke) -> str:
        typed = "".join(self._press(key) for key in stroke.keys)
        for key in reversed(stroke.keys):
            self._update(key, UP)
        return typed

    def _update(self, key: str, direction: int) -> None:
        self._library.xkb_state_update_key(
            self._state, c_uint32(KEY_CODES[key] + 8), c_int(direction)
        )

    def _press(self, key: str) -> str:
        code = c_uint32(KEY_CODES[key] + 8)
        one_sym = self._library.xkb_state_key_get_one_sym
        one_sym.restype = c_uint32
        sym = one_sym(self._state, code)
        self._update(key, DOWN)
        buffer = create_string_buffer(64)
        self._library.xkb_compose_state_feed(self._compose, c_uint32(sym))
        match self._library.xkb_compose_state_get_status(self._compose):
            case status if status == COMPOSING:
                return ""
            case status if status == COMPOSED:
                self._library.xkb_compose_state_get_utf8(self._compose, buffer, 64)
                self._library.xkb_compose_state_reset(self._compose)
            case status if status == CANCELLED:
                self._library.xkb_compose_state_reset(self._compose)
                return UNKNOWN
            case _:
                self._library.xkb_keysym_to_utf8(c_uint32(sym), buffer, 64)
        return buffer.value.decode().replace("\r", "\n")
