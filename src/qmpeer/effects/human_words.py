r"""The words of a human monitor's line: blanks and quotes.

Spec: QEMU 7.2, measured. Blanks are those of C. A word in double quotes ends at the next double
quote; its escapes are ``\n``, ``\r``, ``\"``, ``\'`` and ``\\``.
"""

import re
from typing import Final

BLANKS: Final = " \t\n\v\f\r"
"""The characters that separate words."""
_BLANKS: Final = re.compile(r"[ \t\n\v\f\r]*")
_PLAIN: Final = re.compile(r"[^ \t\n\v\f\r]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\[nr\\\'"])*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "r": "\r"}
_MOST_WORDS: Final = 16


def skip_blanks(line: str, position: int) -> int:
    """Return the position of the next word, or the end of the line."""
    found = _BLANKS.match(line, position)
    assert found is not None
    return found.end()


def read_word(line: str, position: int) -> tuple[str, int] | None:
    r"""Read the next word.

    Returns:
        The word without its quotes, and the position of its end; None if there is no word, or if
        its quotes or escapes are wrong.

    Example:
        >>> read_word(r'eject "my \"disk\"" x', 5)
        ('my "disk"', 19)
    """
    position = skip_blanks(line, position)
    found = _QUOTED.match(line, position)
    if found is not None:
        word = found[1]
        if "\\" in word:
            word = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), word)
        return word, found.end()
    found = _PLAIN.match(line, position)
    if found is None or found[0][0] == '"':
        return None
    return found[0], found.end()


def split_words(line: str) -> list[str] | None:
    """Split a line into words.

    Returns:
        The words; None if a word's quotes are wrong, or there are more than 16 words.

    Example:
        >>> split_words('help "info" status')
        ['help', 'info', 'status']
    """
    words: list[str] = []
    position, end = 0, len(line)
    while (position := skip_blanks(line, position)) < end:
        found = read_word(line, position)
        if found is None or len(words) == _MOST_WORDS:
            return None
        word, position = found
        words.append(word)
    return words


def to_text(line: bytes) -> str:
    """Return a line as text; bytes that aren't UTF-8 become surrogates, which restore them."""
    return line.decode("utf-8", "surrogateescape")
