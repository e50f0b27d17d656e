"""The table of the human monitor's commands: how each is read, and what it does."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from qmpeer.effects.command_effects import CommandEffects, Effect
from qmpeer.effects.groups import patterns_of
from qmpeer.effects.human_info_rows import INFO_ROWS
from qmpeer.effects.human_rows import ROWS

_SIGNATURE: Final = re.compile(r"(\d+\.\d+)-(\d+\.\d+)? ?(.*)")
LAST_RELEASE: Final = (11, 1)
"""The last release that the table was reviewed for."""


class HumanSignature(msgspec.Struct, frozen=True):
    """The arguments that a command has in some releases.

    Attributes:
        first: The first of these releases, such as (2, 11).
        last: The last one.
        letters: The arguments, by QEMU's letters.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    letters: str


class HumanRow(msgspec.Struct, frozen=True):
    """A command of the human monitor, or a subcommand such as ``info block``.

    Attributes:
        effects: What it does; its name is the canonical one.
        aliases: Its other names.
        signatures: Its arguments in the releases that have it, the oldest first.
    """

    effects: CommandEffects
    aliases: tuple[str, ...]
    signatures: tuple[HumanSignature, ...]

    @property
    def name(self) -> str:
        """The canonical name."""
        return self.effects.name

    def is_in(self, release: tuple[int, int]) -> bool:
        """Return True if a release has the command, on some target."""
        return any(each.first <= release <= each.last for each in self.signatures)

    def letters_in(self, release: tuple[int, int]) -> str:
        """Return the letters of the arguments in a release.

        Raises:
            LookupError: If the release doesn't have the command.
        """
        for each in self.signatures:
            if each.first <= release <= each.last:
                return each.letters
        raise LookupError(f"{self.name} isn't in this release")


def human_row(name: str) -> HumanRow | None:
    """Return the command with a name or an alias; None if it is unknown.

    Example:
        >>> human_row("c").name, human_row("inf")
        ('cont', None)
    """
    return _rows().get(name)


def human_effects_of(name: str) -> CommandEffects | None:
    """Return what a human-monitor command does, by its canonical name; None if it is unknown.

    Example:
        >>> sorted(human_effects_of("memsave").effects)
        [<Effect.DISCLOSES: 'discloses'>, <Effect.OPENS_PATHS: 'opens-paths'>]
    """
    row = _rows().get(name)
    return row.effects if row is not None and row.name == name else None


@lru_cache(1)
def all_human_names() -> frozenset[str]:
    """Return the canonical names of all human-monitor commands of QEMU 1.0 to 11.1."""
    return frozenset(row.name for row in _rows().values())


@lru_cache(1)
def _rows() -> Mapping[str, HumanRow]:
    rows: dict[str, HumanRow] = {}
    for prefix, table in (("", ROWS), ("info ", INFO_ROWS)):
        for line in re.sub(r"\n +", " ", table).splitlines():
            row = _read_row(prefix, line)
            rows.update(dict.fromkeys((row.name, *row.aliases), row))
    return rows


def _read_row(prefix: str, line: str) -> HumanRow:
    names, effects, *fields = line.split(" | ")
    name, *aliases = names.split("|")
    signatures: list[HumanSignature] = []
    words = {"sensitive": "", "tells": ""}
    for field in fields:
        found = _SIGNATURE.fullmatch(field)
        if found is None:
            word, _, text = field.partition(" ")
            words[word] = text
            continue
        first, last, letters = found.groups()
        signatures.append(
            HumanSignature(
                _release(first), _release(last) if last else LAST_RELEASE, letters.replace(" ", "")
            )
        )
    return HumanRow(
        CommandEffects(
            prefix + name,
            frozenset(map(Effect, effects.split())),
            words["tells"],
            tuple(part for each in words["sensitive"].split() for part in patterns_of(each)),
        ),
        tuple(prefix + alias for alias in aliases),
        tuple(signatures),
    )


def _release(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
