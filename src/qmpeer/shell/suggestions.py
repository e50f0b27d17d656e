"""Suggestions for a mistyped name."""

from collections.abc import Iterable, Sequence
from typing import Final

from qmpeer.messages import near_names

_OTHERWISE: Final = {"info": ("hmp info", "query-status")}
"""Suggestions for commands of the human monitor."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests similar names; "" if no name is similar.

    Example:
        >>> did_you_mean("blockdev_ad", ["blockdev-add", "query-name", "stop"])
        'did you mean blockdev-add?'
    """
    found = _meant(name, names)
    return f"did you mean {' or '.join(found)}?" if found else ""


def _meant(name: str, names: Iterable[str]) -> Sequence[str]:
    """Return at most three names that are similar to a name or begin with it."""
    simple = name.lower().replace("_", "-")
    known = {known.lower().replace("_", "-"): known for known in names}
    meant = [text for text in _OTHERWISE.get(simple, ()) if text.split()[0] in known]
    if meant:
        return meant
    begun = [found for found in known if len(simple) > 1 and found.startswith(simple)]
    if not 0 < len(begun) <= 3:
        begun = near_names(simple, known)
    return [known[found] for found in begun]
