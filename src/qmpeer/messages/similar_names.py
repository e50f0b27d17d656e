"""Names that look like one that isn't there, to be offered in its place."""

from collections.abc import Iterable
from difflib import get_close_matches

from qmpeer import limits

__all__ = ["near_names"]


def near_names(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that are most like one, the likest first.

    Example:
        >>> near_names("blockdev-ad", ["blockdev-add", "blockdev-del", "stop"], most=1)
        ['blockdev-add']
    """
    if len(name) > limits.NEAR_NAME_LENGTH:
        return []
    return get_close_matches(name, list(names), most, limits.NEAR_NAME)
