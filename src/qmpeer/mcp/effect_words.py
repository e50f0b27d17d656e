"""The effects of a command, from the table of commands, in words for an assistant."""

from collections.abc import Mapping
from typing import Final

from qmpeer.effects import Effect, effects_of

_TELLING: Final = frozenset({Effect.READS, Effect.DISCLOSES})
_SENTENCES: Final[Mapping[Effect, str]] = {
    Effect.CHANGES_GUEST: "Changes what the guest has or sees.",
    Effect.CHANGES_HOST: "Changes the emulator.",
    Effect.OPENS_PATHS: "Opens files of the host.",
    Effect.CONNECTS: "Connects to somewhere, or listens.",
    Effect.RUNS_PROGRAMS: "Runs programs on the host.",
    Effect.ENDS: "Ends the machine, or can crash it.",
}


def effect_words(name: str) -> tuple[str, ...]:
    """Return the effects of a command; none for one that the table doesn't have."""
    found = effects_of(name)
    if found is None:
        return ()
    return tuple(effect.value for effect in Effect if effect in found.effects)


def told_of(name: str) -> str:
    """Return the effects of a command as sentences; "" if it only reads.

    Example:
        >>> told_of("quit")
        'Ends the machine, or can crash it.'
    """
    found = effects_of(name)
    if found is None:
        return ""
    texts = [text for effect, text in _SENTENCES.items() if effect in found.effects]
    if Effect.DISCLOSES in found.effects:
        texts.insert(0, f"Discloses {found.discloses or 'more than the configuration'}.")
    return " ".join(texts)


def only_reads(name: str) -> bool:
    """Return True if a command changes nothing, as far as the table knows it."""
    found = effects_of(name)
    return found is not None and found.effects <= _TELLING
