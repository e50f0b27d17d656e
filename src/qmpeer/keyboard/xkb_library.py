"""Keyboard layouts from the system: libxkbcommon compiles what xkeyboard-config describes.

The library is asked what each key types while each set of modifiers is held, so its rules count and
none of ours: which key is the third level's, what Shift does to a key, which variant a layout has.

Spec: libxkbcommon, xkbcommon.h; xkeyboard-config, rules/evdev.lst.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from ctypes import (
    CDLL,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_uint,
    c_uint32,
    c_void_p,
)
from itertools import combinations
from typing import Any, Final

from qmpeer import limits
from qmpeer.errors import LayoutError
from qmpeer.keyboard.key_codes import KEY_CODES, RARE_KEYS, TEXT_KEYS
from qmpeer.keyboard.layouts import CONTROLS, Layout, Stroke
from qmpeer.messages.similar_names import near_names

_LIBRARY: Final = "libxkbcommon.so.0"
_PACKAGES: Final = "Debian's packages libxkbcommon0 and xkb-data"
_NAME: Final = re.compile(r"([A-Za-z0-9_-]{1,64})(?:\(([A-Za-z0-9_+-]{1,64})\))?")
_EVDEV: Final = 8
"""The difference between XKB's number of a key and Linux'."""
_NO_ENVIRONMENT: Final = 2  # XKB_CONTEXT_NO_ENVIRONMENT_NAMES
_SILENT: Final = 0  # below XKB_LOG_LEVEL_CRITICAL, which is 10
_DOWN: Final = 1  # XKB_KEY_DOWN

_SHIFTS: Final = {0xFFE1: "shift", 0xFE03: "third level", 0xFE11: "fifth level"}
"""The keysyms Shift_L, ISO_Level3_Shift and ISO_Level5_Shift."""
_DEAD: Final = {
    0xFE50: "\u0300", 0xFE51: "\u0301", 0xFE52: "\u0302", 0xFE53: "\u0303", 0xFE54: "\u0304",
    0xFE55: "\u0306", 0xFE56: "\u0307", 0xFE57: "\u0308", 0xFE58: "\u030a", 0xFE59: "\u030b",
    0xFE5A: "\u030c", 0xFE5B: "\u0327", 0xFE5C: "\u0328", 0xFE5D: "\u0345", 0xFE60: "\u0323",
    0xFE61: "\u0309", 0xFE62: "\u031b", 0xFE64: "\u0313", 0xFE65: "\u0314", 0xFE66: "\u030f",
    0xFE67: "\u0325", 0xFE68: "\u0331", 0xFE69: "\u032d", 0xFE6A: "\u0330", 0xFE6B: "\u032e",
    0xFE6C: "\u0324", 0xFE6D: "\u0311", 0xFE6E: "\u0326",
}  # fmt: skip
"""The keysyms of dead keys, dead_grave to dead_belowcomma, with their accents in Unicode."""


class _Names(Structure):
    _fields_ = tuple(
        (name, c_char_p) for name in ("rules", "model", "layout", "variant", "options")
    )


_FUNCTIONS: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "context_new": (c_void_p, (c_int,)),
    "context_set_log_level": (None, (c_void_p, c_int)),
    "context_num_include_paths": (c_uint, (c_void_p,)),
    "context_include_path_get": (c_char_p, (c_void_p, c_uint)),
    "context_unref": (None, (c_void_p,)),
    "keymap_new_from_names": (c_void_p, (c_void_p, POINTER(_Names), c_int)),
    "keymap_unref": (None, (c_void_p,)),
    "state_new": (c_void_p, (c_void_p,)),
    "state_unref": (None, (c_void_p,)),
    "state_update_key": (c_int, (c_void_p, c_uint32, c_int)),
    "state_key_get_one_sym": (c_uint32, (c_void_p, c_uint32)),
    "keysym_to_utf32": (c_uint32, (c_uint32,)),
}
"""The functions of the library, without their prefix: types of the result and the arguments."""


class XkbLibrary:
    """The functions of libxkbcommon.

    Raises:
        OSError: If the library isn't installed.
    """

    def __init__(self) -> None:
        library = CDLL(_LIBRARY)
        self._functions = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            function = library[f"xkb_{name}"]
            function.restype, function.argtypes = result, arguments
            self._functions[name] = function

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function; its name comes without "xkb_"."""
        return self._functions[name](*arguments)


def xkb_layout(name: str) -> Layout:
    """Return a layout of xkeyboard-config.

    Args:
        name: The layout with its variant, as XKB writes it: "de", "de(nodeadkeys)", "fr(bepo)".

    Raises:
        LayoutError: If there is no such layout, or the library or its data aren't installed.
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise LayoutError(name, 'expected a name such as "de" or "de(nodeadkeys)"')
    try:
        library = XkbLibrary()
    except OSError:
        reason = f"found no {_LIBRARY}, expected {_PACKAGES}; only the layout us needs neither"
        raise LayoutError(name, reason) from None
    context = library.call("context_new", _NO_ENVIRONMENT)
    if not context:
        raise LayoutError(name, f"found no XKB data, expected {_PACKAGES}")
    try:
        library.call("context_set_log_level", context, _SILENT)
        layout, variant = (each.encode() for each in parts.groups(""))
        names = _Names(b"evdev", b"pc105", layout, variant, b"")
        keymap = library.call("keymap_new_from_names", context, byref(names), 0)
        if not keymap:
            raise LayoutError(name, _unknown(name, _folders(library, context)))
        try:
            return _read(name, library, keymap)
        finally:
            library.call("keymap_unref", keymap)
    finally:
        library.call("context_unref", context)


def _read(name: str, library: XkbLibrary, keymap: int) -> Layout:
    """Ask what each key types while each set of shifts is held, the smallest set first."""
    characters = dict(CONTROLS)
    dead_keys: dict[str, Stroke] = {}
    shifts = _shifts(library, keymap)
    levels = [held for count in range(len(shifts) + 1) for held in combinations(shifts, count)]
    # The rare keys come last: guests disagree about them in layouts of keyboards without them.
    for keys in (TEXT_KEYS, RARE_KEYS):
        for held in levels:
            for key, sym in _symbols(library, keymap, held, keys):
                stroke = Stroke(key, held)
                if (accent := _DEAD.get(sym)) is not None:
                    dead_keys.setdefault(accent, stroke)
                elif character := _character(library.call("keysym_to_utf32", sym)):
                    characters.setdefault(character, stroke)
    return Layout(name, characters, dead_keys, "libxkbcommon and xkeyboard-config")


def _character(number: int) -> str:
    """Return a character that a key types alone, composed; "" for other keysyms."""
    character = chr(number) if number > 32 and number != 127 else ""
    if not character or unicodedata.combining(character):
        return ""
    return unicodedata.normalize("NFC", character)


def _shifts(library: XkbLibrary, keymap: int) -> list[str]:
    """Return the keys to hold for the further levels: one of each kind that the layout has."""
    found: dict[str, str] = {"shift": "shift"}
    for key, sym in _symbols(library, keymap, (), ("alt_r", "ctrl_r", *KEY_CODES)):
        if sym in _SHIFTS:
            found.setdefault(_SHIFTS[sym], key)
    return [found[kind] for kind in _SHIFTS.values() if kind in found]


def _symbols(
    library: XkbLibrary, keymap: int, held: tuple[str, ...], keys: tuple[str, ...]
) -> Iterator[tuple[str, int]]:
    """Yield each key, and the keysym that it has while others are held."""
    state = library.call("state_new", keymap)
    try:
        for key in held:
            library.call("state_update_key", state, KEY_CODES[key] + _EVDEV, _DOWN)
        for key in keys:
            code = KEY_CODES[key] + _EVDEV
            if key not in held:
                yield key, int(library.call("state_key_get_one_sym", state, code))
    finally:
        library.call("state_unref", state)


# Names


def _folders(library: XkbLibrary, context: int) -> list[str]:
    count = library.call("context_num_include_paths", context)
    paths = (library.call("context_include_path_get", context, at) for at in range(count))
    return [os.fsdecode(path) for path in paths if path]


def _unknown(name: str, folders: list[str]) -> str:
    known = _described(folders)
    if not known:
        return f"found no such layout in {', '.join(folders)}, expected {_PACKAGES}"
    word = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    near = [
        *near_names(name, known),
        *(each for each, description in known.items() if word.search(description)),
    ]
    hint = f"; similar: {', '.join(dict.fromkeys(near[:5]))}" if near else ""
    return f"found no such layout in xkeyboard-config{hint}"


def _described(folders: list[str]) -> dict[str, str]:
    """Return the layouts of xkeyboard-config's list, variants included, with their descriptions."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            with open(os.path.join(folder, "rules", "evdev.lst"), encoding="utf-8") as file:
                text = file.read(limits.LAYOUT_LIST)
        except (OSError, ValueError):
            continue
        section = ""
        for line in text.splitlines():
            name, _, description = line.strip().partition(" ")
            if name == "!":
                section = description
            elif section == "layout" and name:
                found.setdefault(name, description.strip())
            elif section == "variant" and name:
                layout, _, about = description.strip().partition(": ")
                found.setdefault(f"{layout}({name})", about)
    return found
