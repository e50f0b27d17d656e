"""All that can be typed behind ``qmpeer``: the source of shell completion and of manual pages.

It is read off the parsers, which also make the text of --help: what one of them knows, all know.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from qmpeer.cli.command_line import CommandLine, Subcommand, Verbs
from qmpeer.cli.main import SUBCOMMANDS, subcommand
from qmpeer.machine import USAGE

_FILES: Final = frozenset({"ADDRESS", "DIR", "FILE", "NEW", "OLD", "SOURCE"})


class Option(NamedTuple):
    """One option.

    Attributes:
        flags: Its names: "--timeout".
        value: What its value is called; None if it takes none.
        kind: What completes the value: "file", "words:A,B", "names:KIND", or "".
        help: What it does.
    """

    flags: tuple[str, ...]
    value: str | None
    kind: str
    help: str


class Place(NamedTuple):
    """One word that is no option.

    Attributes:
        name: What it is called.
        kind: What completes it, as for options.
        is_many: There may be several.
        help: What it is.
    """

    name: str
    kind: str
    is_many: bool
    help: str


class Usage(NamedTuple):
    """What can be typed behind one subcommand, or behind a verb of one.

    Attributes:
        words: The subcommand, and the verb.
        has_address_first: The address stands between the two.
        about: What it does.
        options: Its options.
        places: Its other words, in their order.
        parser: What reads it; None for serve's, which are QEMU's.
    """

    words: tuple[str, ...]
    has_address_first: bool
    about: str
    options: tuple[Option, ...]
    places: tuple[Place, ...]
    parser: CommandLine | None

    @property
    def key(self) -> str:
        """The subcommand and the verb."""
        return " ".join(self.words)


def usages() -> list[Usage]:
    """Return what can be typed behind each subcommand."""
    return [usage for name in SUBCOMMANDS for usage in _usages_of(name)]


def _usages_of(name: str) -> Iterator[Usage]:
    match subcommand(name):
        case Verbs() as group:
            for verb, each in group.verbs.items():
                yield _usage((name, verb), group.has_address_first, each.parser())
        case Subcommand() as one:
            yield _usage((name,), False, one.parser())
        case other:
            yield Usage((name,), False, other.about, serve_options(), (), None)


def serve_options() -> tuple[Option, ...]:
    """Return the options of ``qmpeer serve``, which are QEMU's and in a text of their own.

    A line that begins with two blanks and a dash tells of one option or several: "-name NAME", and
    behind two blanks what it does.
    """
    found = []
    for line in USAGE.splitlines():
        if re.match(r"  --?\w", line) is None:
            continue
        head, _, text = line.strip().partition("  ")
        for each in re.split(r", (?=-)", head):
            name, _, value = each.partition(" ")
            value = value.removesuffix(", or in JSON")
            kind = "file" if value == "FILE" else ""
            found.append(Option((name,), value or None, kind, " ".join(text.split())))
    return tuple(found)


def _usage(words: tuple[str, ...], has_address_first: bool, parser: CommandLine) -> Usage:
    options, places = [], []
    for action in parser.actions():
        if action.help is argparse.SUPPRESS:
            continue
        name = str(action.metavar or action.dest)
        kind = _kind(name, parser, action)
        text = " ".join(parser.help_of(action).split())
        if not action.option_strings:
            places.append(Place(name, kind, action.nargs in ("*", "+"), text))
        elif action.nargs == 0:
            options.append(Option(tuple(action.option_strings), None, "", text))
        else:
            options.append(Option(tuple(action.option_strings), name, kind, text))
    about = (parser.description or "").rstrip()
    return Usage(words, has_address_first, about, tuple(options), tuple(places), parser)


def _kind(name: str, parser: CommandLine, action: argparse.Action) -> str:
    if action.choices is not None:
        return f"words:{','.join(map(str, action.choices))}"
    return parser.completes.get(action.dest) or ("file" if name in _FILES else "")


def verbs_of(usages: Sequence[Usage]) -> dict[str, list[Usage]]:
    """Return the verbs of each subcommand that has some."""
    found: dict[str, list[Usage]] = {}
    for usage in usages:
        if len(usage.words) == 2:
            found.setdefault(usage.words[0], []).append(usage)
    return found


def subcommands_of(usages: Sequence[Usage]) -> dict[str, str]:
    """Return the subcommands with what each does."""
    found: dict[str, str] = {}
    for usage in usages:
        name, *verb = usage.words
        if not verb:
            found[name] = usage.about
        else:
            found.setdefault(name, f"{'ADDRESS ' * usage.has_address_first}VERB ...")
    return found
