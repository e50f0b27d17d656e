"""The options and arguments of all subcommands, for shell completion and for manual pages.

They are read from the argparse parsers, which also write --help, so the three always agree.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from qmpeer.cli.command_line import CommandLine, Subcommand, VerbGroup
from qmpeer.cli.main import SUBCOMMANDS, subcommand
from qmpeer.policy.presets import PRESETS

_KINDS: Final = {
    **dict.fromkeys(("ADDRESS", "DIR", "FILE", "NEW", "OLD", "SOURCE"), "file"),
    "FILE|PRESET": f"file:{','.join(PRESETS)}",
}
"""How a value is completed, by its name in --help."""


class Option(NamedTuple):
    """One option.

    Attributes:
        flags: Its names, such as "--timeout".
        value: The name of its value in --help; None if it takes none.
        kind: How its value is completed: "file", "file:A,B" for these words or else a file,
            "words:A,B", "names:KIND", or "" for not at all.
        help: Its description.
    """

    flags: tuple[str, ...]
    value: str | None
    kind: str
    help: str


class Positional(NamedTuple):
    """One positional argument.

    Attributes:
        name: Its name in --help.
        kind: How it is completed, as for options.
        is_many: True if it may be repeated.
        help: Its description.
    """

    name: str
    kind: str
    is_many: bool
    help: str


class Usage(NamedTuple):
    """The options and arguments of one subcommand, or of one verb.

    Attributes:
        words: The subcommand, and the verb if there is one.
        has_address_first: True if the address stands between the two.
        about: Its description.
        options: Its options.
        positionals: Its positional arguments, in order.
        parser: Its parser; None where the options are QEMU's.
    """

    words: tuple[str, ...]
    has_address_first: bool
    about: str
    options: tuple[Option, ...]
    positionals: tuple[Positional, ...]
    parser: CommandLine | None

    @property
    def key(self) -> str:
        """The subcommand and the verb, with a blank between them."""
        return " ".join(self.words)


def usages() -> list[Usage]:
    """Return the options and arguments of all subcommands and verbs."""
    return [usage for name in SUBCOMMANDS for usage in _usages_of(name)]


def _usages_of(name: str) -> Iterator[Usage]:
    match subcommand(name):
        case VerbGroup() as group:
            for verb, each in group.verbs.items():
                yield _usage((name, verb), group.has_address_first, each.parser())
        case Subcommand() as one:
            yield _usage((name,), False, one.parser())
        case other:
            places = tuple(
                Positional(each, _KINDS.get(each, ""), False, "") for each in other.positionals
            )
            yield Usage((name,), False, other.about, options_in(other.usage), places, None)


def options_in(usage: str) -> tuple[Option, ...]:
    """Return the options in a text of --help that argparse hasn't written.

    A line that begins with two blanks and a dash describes one option or several: "-name NAME",
    then two or more blanks, then the description.
    """
    found = []
    for line in usage.splitlines():
        if re.match(r"  --?\w", line) is None:
            continue
        head, _, text = line.strip().partition("  ")
        for each in re.split(r", (?=-)", head):
            name, _, value = each.partition(" ")
            value = value.removesuffix(", or in JSON")  # a remark in the help, not the value's name
            kind = _KINDS.get(value, "")
            found.append(Option((name,), value or None, kind, " ".join(text.split())))
    return tuple(found)


def _usage(words: tuple[str, ...], has_address_first: bool, parser: CommandLine) -> Usage:
    options, positionals = [], []
    for action in parser.actions():
        if action.help is argparse.SUPPRESS:
            continue
        name = str(action.metavar or action.dest)
        kind = _kind(name, parser, action)
        text = " ".join(parser.help_of(action).split())
        if not action.option_strings:
            positionals.append(Positional(name, kind, action.nargs in ("*", "+"), text))
        elif action.nargs == 0:
            options.append(Option(tuple(action.option_strings), None, "", text))
        else:
            options.append(Option(tuple(action.option_strings), name, kind, text))
    about = (parser.description or "").rstrip()
    return Usage(words, has_address_first, about, tuple(options), tuple(positionals), parser)


def _kind(name: str, parser: CommandLine, action: argparse.Action) -> str:
    if action.choices is not None:
        return f"words:{','.join(map(str, action.choices))}"
    return parser.completes.get(action.dest) or _KINDS.get(name, "")


def verbs_of(usages: Sequence[Usage]) -> dict[str, list[Usage]]:
    """Return the verbs of each subcommand that has verbs."""
    found: dict[str, list[Usage]] = {}
    for usage in usages:
        if len(usage.words) == 2:
            found.setdefault(usage.words[0], []).append(usage)
    return found


def subcommands_of(usages: Sequence[Usage]) -> dict[str, str]:
    """Return a description of each subcommand, by its name."""
    found: dict[str, str] = {}
    for usage in usages:
        name, *verb = usage.words
        if not verb:
            found[name] = usage.about
        else:
            found.setdefault(name, f"{'ADDRESS ' * usage.has_address_first}VERB ...")
    return found
