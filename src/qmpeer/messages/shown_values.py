"""Values as text for a report: JSON on one line, shortened."""

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
