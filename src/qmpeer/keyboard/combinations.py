"""Key combinations as people write them: "ctrl-alt-delete", "shift-a", "win+r"."""

import re
from typing import Final

from qmpeer import limits
from qmpeer.errors import KeyNameError, UntypableCharacter, UntypableError
from qmpeer.keyboard.key_codes import KEY_CODES
from qmpeer.keyboard.layouts import US, Layout, Stroke
from qmpeer.keyboard.planning import unicode_name
from qmpeer.messages.similar_names import near_names

ALIASES: Final = {
    "altgr": "alt_r", "bksp": "backspace", "break": "pause", "bs": "backspace", "caps": "caps_lock",
    "capslock": "caps_lock", "cmd": "meta_l", "command": "meta_l", "control": "ctrl",
    "ctl": "ctrl", "del": "delete", "enter": "ret", "escape": "esc", "ins": "insert",
    "lalt": "alt", "lctrl": "ctrl", "lshift": "shift", "meta": "meta_l", "numlock": "num_lock",
    "option": "alt", "page_down": "pgdn", "page_up": "pgup", "pagedown": "pgdn",
    "pageup": "pgup", "pgdown": "pgdn", "printscreen": "print", "prtsc": "print",
    "prtscr": "print", "ralt": "alt_r", "rctrl": "ctrl_r", "return": "ret", "rshift": "shift_r",
    "scrolllock": "scroll_lock", "space": "spc", "spacebar": "spc", "super": "meta_l",
    "win": "meta_l", "windows": "meta_l",
}  # fmt: skip
"""Further names of keys, each with its QKeyCode."""
_CHARACTERS: Final = {"plus": "+"}
"""Names of characters that have no key of their own on some keyboards."""
_PART: Final = re.compile(r"([-+]|[^-+]+)([-+]|\Z)")


def parse_keys(text: str, layout: Layout = US) -> Stroke:
    """Parse a key combination: names joined by "-" or "+", the last one pressed last.

    A name is a QKeyCode or one of the usual other names (enter, del, win, altgr, …), in capitals or
    not. A QKeyCode stands for a place on the keyboard. A single character stands for the key that
    types it in the layout, in capitals or not: "shift-a" is what types "A". So "ctrl--" and
    "ctrl-+" press the keys of "-" and "+"; "plus" is another name of "+".

    Args:
        text: The combination.
        layout: The layout in which single characters are looked up.

    Raises:
        KeyNameError: If a name is unknown or given twice, or there are more than
            `limits.KEYS_HELD`.
        UntypableError: If the layout has no key for a single character.

    Example:
        >>> parse_keys("Ctrl-Alt-Del").keys
        ('ctrl', 'alt', 'delete')
        >>> parse_keys("ctrl-@").keys
        ('ctrl', 'shift', '2')
    """
    keys: list[str] = []
    at = 0
    is_open = True  # a name has to follow
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            break
        *modifiers, key = _keys_of(part[1], layout, text, at)
        if key in keys:
            raise KeyNameError(text, f"found {key} twice, expected each key once")
        # A character may bring a modifier that is held already, as in "shift-@".
        keys += (*(each for each in modifiers if each not in keys), key)
        is_open = bool(part[2])
        at = part.end()
    if is_open or at < len(text):
        raise KeyNameError(text, "found no name, expected one such as ctrl-alt-delete")
    if len(keys) > limits.KEYS_HELD:
        raise KeyNameError(text, f"found {len(keys)} keys, expected at most {limits.KEYS_HELD}")
    return Stroke(keys[-1], tuple(keys[:-1]))


def _name_of(part: str) -> str:
    name = part.lower()
    return ALIASES.get(name, name)


def _keys_of(part: str, layout: Layout, text: str, at: int) -> tuple[str, ...]:
    name = _name_of(part)
    character = _CHARACTERS.get(name, part.lower() if len(part) == 1 else "")
    if not character:
        if name in KEY_CODES:
            return (name,)
        near = near_names(name, [*KEY_CODES, *ALIASES, *_CHARACTERS])
        hint = f"; similar: {', '.join(near)}" if near else ""
        raise KeyNameError(text, f"found {part!r}, expected the name of a key{hint}")
    stroke = layout.characters.get(character)
    if stroke is None:
        missing = UntypableCharacter(at, character, unicode_name(character))
        raise UntypableError(layout.name, (missing,))
    return stroke.keys
