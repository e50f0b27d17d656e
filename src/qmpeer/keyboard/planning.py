"""The strokes that type a text."""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from qmpeer import limits
from qmpeer.errors import LimitError, UntypableCharacter, UntypableError
from qmpeer.keyboard.layouts import ALONE, Layout, Stroke


class Typed(NamedTuple):
    """A character of a text, and the strokes that type it.

    Attributes:
        character: The character, composed: "é" even if the text has "e" and an accent.
        strokes: One stroke, or two if a dead key is necessary.
    """

    character: str
    strokes: tuple[Stroke, ...]


def plan(text: str, layout: Layout) -> tuple[Typed, ...]:
    """Return the strokes that type a text, by character.

    Enter types the end of a line, Tab a tab; no other control character is typed. Caps Lock and the
    keypad aren't used. A dead key is used only if the layout has no key for the whole character.

    Args:
        text: The text.
        layout: The layout that the guest uses.

    Raises:
        UntypableError: If the layout lacks a character; the error lists all of them.
        LimitError: If the text is longer than `limits.TYPED_TEXT`.
        TypeError: If it isn't a text.

    Example:
        >>> from qmpeer.keyboard import find_layout
        >>> [typed.strokes for typed in plan("Hi", find_layout("us"))]
        [(Stroke(key='h', modifiers=('shift',)),), (Stroke(key='i', modifiers=()),)]
    """
    if not isinstance(text, str):
        raise TypeError(f"found {type(text).__name__}, expected a text")
    if len(text) > limits.TYPED_TEXT:
        reason = f"found a text of {len(text)} characters, expected at most {limits.TYPED_TEXT}"
        raise LimitError(reason, "TYPED_TEXT", limits.TYPED_TEXT)
    planned: list[Typed] = []
    missing: list[UntypableCharacter] = []
    for at, character in _composed(text):
        strokes = _strokes(character, layout)
        if strokes is None:
            missing.append(UntypableCharacter(at, character, unicode_name(character)))
        else:
            planned.append(Typed(character, strokes))
    if missing:
        raise UntypableError(layout.name, tuple(missing))
    return tuple(planned)


def _composed(text: str) -> Iterator[tuple[int, str]]:
    """Yield each character with the accents behind it, composed, and its position."""
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        if text[start:end] == "\r" and text[end : end + 1] == "\n":
            end += 1
            yield start, "\n"
        else:
            yield start, unicodedata.normalize("NFC", text[start:end])
        start = end


def _strokes(character: str, layout: Layout) -> tuple[Stroke, ...] | None:
    if (stroke := layout.characters.get(character)) is not None:
        return (stroke,)
    for accent, dead in layout.dead_keys.items():
        if ALONE.get(accent) == character:
            return dead, layout.characters[" "]
    for base, accent in _parts(character):
        if base in layout.characters and accent in layout.dead_keys:
            return layout.dead_keys[accent], layout.characters[base]
    return None


def _parts(character: str) -> Iterator[tuple[str, str]]:
    """Yield each accent of a character, the last one first, with the rest of the character."""
    parts = unicodedata.normalize("NFD", character)
    for at in range(len(parts) - 1, 0, -1):
        yield unicodedata.normalize("NFC", parts[:at] + parts[at + 1 :]), parts[at]


def unicode_name(character: str) -> str:
    """Return the number and the name of a character in Unicode; of its accents, too.

    Example:
        >>> unicode_name("é")
        'U+00E9 LATIN SMALL LETTER E WITH ACUTE'
    """
    shown = [f"U+{ord(each):04X} {unicodedata.name(each, '')}".rstrip() for each in character[:4]]
    return ", ".join(shown)
