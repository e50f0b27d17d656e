"""All that can be typed behind ``qmpeer``: the source of shell completion and of manual pages.

It is read off the parsers, which also make the text of --help: what one of them knows, all know.
"""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from qmpeer.cli.command_line import CommandLine

__all__ = ["Argument", "Option", "Usage", "serve_options", "usages"]

_FILES = frozenset({"ADDRESS", "DIR", "FILE", "NEW", "OLD", "SOURCE"})
_NAMES = {
    ("exec", "COMMAND"): "command",
    ("shell", "COMMAND"): "command",
    ("events", "NAME|REGEX"): "event",
    ("jobs", "ID"): "job",
    ("qom tree", "PATH"): "qom-path",
    ("qom list", "PATH"): "qom-path",
    ("qom get", "PATH"): "qom-path",
    ("qom set", "PATH"): "qom-path",
    ("screenshot", "ID"): "device",
}
"""By subcommand and placeholder, what kind of the server's names it stands for."""


class Option(NamedTuple):
    """Hold one option.

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


class Argument(NamedTuple):
    """Hold one word that is no option.

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
    """Hold what can be typed behind one subcommand, or behind a verb of one.

    Attributes:
        words: The subcommand, and the verb.
        has_address_first: The address stands between the two.
        about: What it does.
        options: Its options.
        arguments: Its arguments, in their order.
        parser: What reads it.
    """

    words: tuple[str, ...]
    has_address_first: bool
    about: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    parser: CommandLine | None

    @property
    def key(self) -> str:
        """The subcommand and the verb."""
        return " ".join(self.words)


def usages() -> list[Usage]:
    """Return what can be typed behind each subcommand."""
    from qmpeer.cli.main import SUBCOMMANDS

    return [usage for name in SUBCOMMANDS for usage in _usages_of(name)]


def _usages_of(name: str) -> Iterator[Usage]:
    from qmpeer.cli.main import SUBCOMMANDS

    module = import_module(SUBCOMMANDS[name])
    if name == "serve":
        yield Usage((name,), False, "Run a machine that answers QMP.", serve_options(), (), None)
    elif hasattr(module, "VERBS"):
        for verb, how in module.VERBS.items():
            yield _usage((name, verb), True, how.parser())
    elif hasattr(module, "PARSERS"):
        for verb, parser in module.PARSERS.items():
            yield _usage((name, verb), False, parser())
    else:
        yield _usage((name,), False, module.parser())


def serve_options() -> tuple[Option, ...]:
    """Return the options of ``qmpeer serve``, which are QEMU's and in a text of their own.

    A line that begins with two blanks and a dash tells of one option or several: "-name NAME", and
    behind two blanks what it does.
    """
    from qmpeer.machine import USAGE

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
    key = " ".join(words)
    options, arguments = [], []
    for action in parser.actions():
        if action.help is argparse.SUPPRESS:
            continue
        name = str(action.metavar or action.dest)
        kind = _kind(key, name, action)
        text = " ".join(parser.help_of(action).split())
        if action.option_strings:
            takes_value = action.nargs != 0
            value = name if takes_value else None
            options.append(
                Option(tuple(action.option_strings), value, kind if takes_value else "", text)
            )
        else:
            arguments.append(Argument(name, kind, action.nargs in ("*", "+"), text))
    about = (parser.description or "").rstrip()
    return Usage(words, has_address_first, about, tuple(options), tuple(arguments), parser)


def _kind(key: str, name: str, action: argparse.Action) -> str:
    if action.choices is not None:
        return f"words:{','.join(map(str, action.choices))}"
    if (key, name) in _NAMES:
        return f"names:{_NAMES[key, name]}"
    return "file" if name in _FILES else ""
