"""Keyboard layouts by name."""

from functools import lru_cache

from qmpeer import limits
from qmpeer.keyboard.layouts import US, Layout


@lru_cache(limits.LAYOUTS)
def find_layout(name: str) -> Layout:
    """Return a keyboard layout.

    "us" is built in. Other layouts are asked of libxkbcommon, which reads the descriptions of
    xkeyboard-config (Debian's packages libxkbcommon0 and xkb-data).

    Args:
        name: The layout with its variant, as XKB writes it: "us", "de", "de(nodeadkeys)",
            "fr(bepo)".

    Raises:
        LayoutError: If there is no such layout, or the library isn't installed.

    Example:
        >>> find_layout("us").characters["?"]
        Stroke(key='slash', modifiers=('shift',))
    """
    if name == US.name:
        return US
    from qmpeer.keyboard.xkb_library import xkb_layout  # start: 5 ms

    return xkb_layout(name)
