"""A keyboard layout: for each character, the keys that type it.

Three kinds of entries are enough for the layouts of xkeyboard-config: a character on a key, alone
or with modifiers (shift, AltGr, …); a dead key, which puts an accent on the character after it; and
the keys of Enter and Tab, which are the same everywhere.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec


class Stroke(NamedTuple):
    """A key that is pressed and released while modifiers are held.

    Attributes:
        key: The key, a QKeyCode.
        modifiers: The keys to hold meanwhile, in the order in which they are pressed.

    Example:
        >>> Stroke("delete", ("ctrl", "alt")).keys
        ('ctrl', 'alt', 'delete')
    """

    key: str
    modifiers: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys in the order in which they are pressed; they are released in reverse."""
        return (*self.modifiers, self.key)

    def without(self, held: Collection[str]) -> "Stroke":
        """Return the stroke without the modifiers that are held already."""
        return Stroke(self.key, tuple(each for each in self.modifiers if each not in held))


class Layout(msgspec.Struct, frozen=True):
    """A keyboard layout. Make one with `find_layout`, or from a table of your own.

    Attributes:
        name: Its name, such as "us" or "de(nodeadkeys)".
        characters: For each character, the stroke that types it.
        dead_keys: For each accent, as a combining character of Unicode, the stroke of its dead key.
        source: Where the table comes from, for people.
    """

    name: str
    characters: Mapping[str, Stroke]
    dead_keys: Mapping[str, Stroke] = {}
    source: str = "the caller"


CONTROLS: Final[Mapping[str, Stroke]] = {
    "\n": Stroke("ret"),
    "\t": Stroke("tab"),
    " ": Stroke("spc"),
}
"""Characters that every layout types, with the same keys."""

ALONE: Final[Mapping[str, str]] = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u0327": ",",
}
"""What a dead key types when the space bar follows.

Spec: Linux, drivers/tty/vt/keyboard.c, ret_diacr; libX11, nls/en_US.UTF-8/Compose. Both agree."""

_ROWS: Final = (
    (("grave_accent", *"1234567890", "minus", "equal"), "`1234567890-=", "~!@#$%^&*()_+"),
    ((*"qwertyuiop", "bracket_left", "bracket_right"), "qwertyuiop[]", "QWERTYUIOP{}"),
    (
        (*"asdfghjkl", "semicolon", "apostrophe", "backslash"),
        "asdfghjkl;'\\",
        'ASDFGHJKL:"|',
    ),
    ((*"zxcvbnm", "comma", "dot", "slash"), "zxcvbnm,./", "ZXCVBNM<>?"),
)


def _us() -> Layout:
    characters = dict(CONTROLS)
    for keys, alone, shifted in _ROWS:
        for key, plain, upper in zip(keys, alone, shifted, strict=True):
            characters[plain] = Stroke(key)
            characters[upper] = Stroke(key, ("shift",))
    return Layout("us", characters, source="built in")


US: Final = _us()
"""The layout of a keyboard for American English, which needs no library."""
