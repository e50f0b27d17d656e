"""Patterns for names: ``*`` stands for any text, ``?`` for one character."""

import re
from fnmatch import translate
from functools import lru_cache

import msgspec


class Glob(msgspec.Struct, frozen=True):
    """A pattern, which is called with a name.

    Attributes:
        text: The pattern.

    Example:
        >>> Glob("query-*")("query-status"), Glob("*.img")("a.img.gz"), Glob("[a]")("a")
        (True, False, False)
    """

    text: str

    def __call__(self, name: str) -> bool:
        """Return True if the whole name fits."""
        return _compiled(self.text).match(name) is not None

    @property
    def is_name(self) -> bool:
        """True if only one name fits: the text itself."""
        return not {"*", "?"} & set(self.text)


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    # The library's patterns look for each part once, so a long name takes no longer than its
    # length. Its brackets aren't ours: names of nodes and certificates may have some.
    return re.compile(translate(text.replace("[", "[[]")))
