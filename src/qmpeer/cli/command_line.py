"""A subcommand's command line, declared once for argparse, --help, completion and man pages."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from qmpeer.cli.exits import DONE, STATUSES, UsageError, status_of
from qmpeer.cli.output import terminal_columns


class Argument(NamedTuple):
    """One option, or one word that is none.

    Attributes:
        names: The option's names, or the name of the word.
        completes: What completes it where its placeholder doesn't say it: "names:KIND".
        settings: The rest of what argparse is told.
    """

    names: tuple[str, ...]
    completes: str
    settings: Mapping[str, Any]


Execute: TypeAlias = Callable[[argparse.Namespace], int]
"""Does what was read says, and returns the exit status."""
Declared: TypeAlias = Argument | tuple[Argument, ...]
"""An argument, or several that exclude one another."""


def argument(
    names: str, placeholder: str | None, help: str, *, completes: str = "", **settings: Any
) -> Argument:
    """Declare an argument.

    Args:
        names: The option's names, "-e --env", or the name of a word that is none.
        placeholder: What --help calls its value; None for an option that takes none.
        help: What --help says of it.
        completes: As in `Argument`.
        settings: The rest, in argparse's words.
    """
    all_names = tuple(names.split())
    if placeholder is not None:
        settings["metavar"] = placeholder
    elif names.startswith("-") and not settings.keys() & {"action", "choices"}:
        settings["action"] = "store_true"
    return Argument(all_names, completes, {"help": help, **settings})


class CommandLine(argparse.ArgumentParser):
    """Argparse with errors of one line, which the subcommand itself reports.

    Args:
        program: What --help and errors call it.
        about: What it does.
        after: What --help says below the options.
        declared: The arguments.

    Attributes:
        completes: What completes an argument, by its destination.
    """

    def __init__(
        self, program: str, about: str, after: str, declared: Iterable[Declared] = ()
    ) -> None:
        super().__init__(
            prog=program,
            description=about,
            epilog=after,
            formatter_class=_formatter,
            allow_abbrev=False,
        )
        self.completes: dict[str, str] = {}
        for each in declared:
            alone = isinstance(each, Argument)
            group = self if alone else self.add_mutually_exclusive_group()
            for one in (each,) if isinstance(each, Argument) else each:
                action = group.add_argument(*one.names, **one.settings)
                self.completes[action.dest] = one.completes

    def actions(self) -> list[argparse.Action]:
        """Return all options and arguments, in the order in which --help shows them."""
        return list(self._actions)

    def help_of(self, action: argparse.Action) -> str:
        """Return what --help says of one."""
        return self._get_formatter()._expand_help(action) if action.help else ""

    def error(self, message: str) -> NoReturn:
        """Report a command line that makes no sense."""
        raise UsageError(message)


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, width=terminal_columns() - 2)


class Subcommand(NamedTuple):
    """A subcommand, or a verb of one.

    Attributes:
        program: What --help and errors call it.
        about: What it does.
        after: What --help says below the options.
        declared: Its arguments.
        execute: Does it, with what was read, and returns the exit status.
        usage: Its synopsis, where argparse's own wouldn't do.
        has_command: What stands behind "--" is somebody else's command: ``given.behind``.
        has_program: What begins with the first word that is no option is one: ``given.behind``.
    """

    program: str
    about: str
    after: str
    declared: Sequence[Declared]
    execute: Execute
    usage: str | None = None
    has_command: bool = False
    has_program: bool = False

    def parser(self) -> CommandLine:
        """Return what reads its words."""
        parser = CommandLine(self.program, self.about, self.after, self.declared)
        if self.usage is not None:
            parser.usage = f"{self.program} {self.usage}"
        return parser

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read the words behind it.

        Raises:
            UsageError: If they make no sense.
        """
        parser = self.parser()
        if self.has_program:
            parser.add_argument("behind", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
            given = parser.parse_args(words)
            given.behind = given.behind[given.behind[:1] == ["--"] :]
            return given
        at = words.index("--") if self.has_command and "--" in words else len(words)
        given = parser.parse_intermixed_args(words[:at])
        given.behind = list(words[at + 1 :])
        return given

    def run(self, words: Sequence[str]) -> int:
        """Do what the words say, and return the exit status.

        Raises:
            UsageError: If they make no sense.
            QMPError: If the server refuses, or the connection ends.
            OSError: If there is no connection, or no reply in time.
        """
        return self.execute(self.read(words))


class Verbs:
    """A subcommand that does several things: ``qmpeer NAME VERB ...``.

    Args:
        program: What --help and errors call it.
        about: What all of them are for.
        common: Arguments that each of them has.
        has_address_first: A server's address stands before the verb: ``given.address``.
        after: What --help says below the verbs.

    Attributes:
        about: What all of them are for.
        verbs: What can be done, by name.
        has_address_first: A server's address stands before the verb.
    """

    def __init__(
        self,
        program: str,
        about: str,
        *common: Declared,
        has_address_first: bool = False,
        after: str = "",
    ) -> None:
        self.about: str = about
        self.verbs: dict[str, Subcommand] = {}
        self.has_address_first: bool = has_address_first
        self._program = f"{program} ADDRESS" if has_address_first else program
        self._common = common
        self._after = after

    def verb(
        self, name: str, about: str, after: str, *declared: Declared, **settings: Any
    ) -> Callable[[Execute], Execute]:
        """Declare a verb, which the decorated function does; the arguments are `Subcommand`'s."""

        def add(execute: Execute) -> Execute:
            program = f"{self._program} {name}"
            arguments = (*self._common, *declared)
            self.verbs[name] = Subcommand(program, about, after, arguments, execute, **settings)
            return execute

        return add

    def run(self, words: Sequence[str]) -> int:
        """Do what the words say, and return the exit status.

        Raises:
            UsageError: If there is no address, or no verb.
            QMPError: As `Subcommand.run`.
            OSError: As `Subcommand.run`.
        """
        address, behind = "", list(words)
        asks_of_verb = words[1:2] in (["-h"], ["--help"]) and words[0] in self.verbs
        if self.has_address_first and not asks_of_verb and words[:1] not in (["-h"], ["--help"]):
            if not words:
                raise UsageError("found no ADDRESS")
            address, *behind = words
        name = behind[0] if behind else ""
        if name in ("-h", "--help"):
            sys.stdout.write(self.help())
            return DONE
        if name not in self.verbs:
            place = "no verb behind the address" if self.has_address_first else "nothing"
            found = f"found {name!r}" if name else f"found {place}"
            raise UsageError(f"{found}, expected one of {', '.join(self.verbs)}")
        verb = self.verbs[name]
        try:
            given = verb.read(behind[1:])
        except UsageError as error:
            return status_of(verb.program, error)
        if self.has_address_first:
            given.address = address
        return verb.execute(given)

    def help(self) -> str:
        """Return what tells of all verbs."""
        width = max(map(len, self.verbs))
        lines = "".join(f"  {name:{width}}  {verb.about}\n" for name, verb in self.verbs.items())
        return (
            f"usage: {self._program} {{{','.join(self.verbs)}}} ...\n\n{self.about}\n\nverbs:\n"
            f"{lines}\nEach has its own --help: {self._program} {next(iter(self.verbs))} --help\n"
            + (f"\n{self._after}" if self._after else "")
        )


# What words say


def check_text(word: str) -> None:
    """Check that a word is text, as words of a command line may be any bytes.

    Raises:
        UsageError: If it isn't UTF-8.
    """
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"found {word!r}, expected text in UTF-8") from error


def seconds(text: str) -> float:
    """Read a number of seconds: positive, and small enough for a clock."""
    value = float(text)
    if not 0 < value <= 1e9:
        raise ValueError
    return value


def count(text: str) -> int:
    """Read a number of things: 1 or more."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text: str) -> int:
    """Read a number that may be 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def example(text: str, statuses: str = STATUSES) -> str:
    """Return what --help says below the options: an example, and what exit statuses mean."""
    return f"example:\n{text}\n\n{statuses}"


# Arguments that several subcommands have

ADDRESS: Final = argument("address", "ADDRESS", "unix:PATH, tcp:HOST:PORT, ...")
JSON: Final = argument("--json", None, "JSON, for programs")
TIMEOUT: Final = argument("--timeout", "S", "seconds until connected, and then until each reply; "
                          "by default 10 and 300", type=seconds)  # fmt: skip
