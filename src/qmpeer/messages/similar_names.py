"""Suggestions of similar names for a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches

from qmpeer import limits


def near_names(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that resemble a given one, the most similar first.

    Args:
        name: The unknown name.
        names: The known names.
        most: The greatest number of names to return.

    Example:
        >>> near_names("query-nmae", ["query-name", "stop", "query-names"])
        ['query-name', 'query-names']
        >>> near_names("vynil", ["shellac", "vinyl"])  # the same letters
        ['vinyl']
    """
    if len(name) > limits.NEAR_NAME_LENGTH:
        return []
    known = list(names)
    if found := get_close_matches(name, known, most, limits.NEAR_NAME):
        return found
    # Swapped letters in short names, which difflib rates below the cutoff.
    letters = sorted(name)
    return [each for each in known if len(each) == len(name) and sorted(each) == letters][:most]
