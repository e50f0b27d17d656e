"""Values as text for a report, and the paths of their members."""

from collections.abc import Sequence

import msgspec

from qmpeer import limits
from qmpeer.values import JsonValue, UnsetType


def shown_value(value: JsonValue | UnsetType) -> str:
    """Return a value as text for a report, shortened to `limits.REPLAY_SHOWN` characters.

    Example:
        >>> shown_value({"device": "drive0"})
        '{"device":"drive0"}'
    """
    try:
        text = msgspec.json.encode(value).decode()
    except ValueError:  # half of a surrogate pair
        text = ascii(value)
    most = limits.REPLAY_SHOWN
    return text if len(text) <= most else f"{text[:most]}…"


def shown_path(path: Sequence[str | int]) -> str:
    """Return the path of a member, to put behind the name of the whole.

    Example:
        >>> shown_path(("children", 0, "file"))
        '.children[0].file'
    """
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
