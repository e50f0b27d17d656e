"""A subcommand's command line, declared once for argparse, --help, completion and man pages."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from qmpeer.cli.exits import DONE, STATUSES, UsageError, status_of
from qmpeer.cli.output import terminal_columns


class ArgumentDeclaration(NamedTuple):
    """The declaration of one option or one positional argument.

    Attributes:
        names: The option's names, or the name of the positional argument.
        completes: The source of its completions, "names:KIND"; "" to infer it from the placeholder.
        settings: Further keyword arguments for argparse's add_argument().
    """

    names: tuple[str, ...]
    completes: str
    settings: Mapping[str, Any]


Handler: TypeAlias = Callable[[argparse.Namespace], int]
"""Runs a subcommand with its parsed arguments, and returns the exit status."""
ArgumentOrGroup: TypeAlias = ArgumentDeclaration | tuple[ArgumentDeclaration, ...]
"""One argument, or a group of arguments that exclude one another."""


def argument(
    names: str, placeholder: str | None, help: str, *, completes: str = "", **settings: Any
) -> ArgumentDeclaration:
    """Declare an option or a positional argument.

    Args:
        names: The option's names, "-e --env", or the name of a positional argument.
        placeholder: The name of its value in --help; None for an option without a value.
        help: Its description in --help.
        completes: As in `ArgumentDeclaration`.
        settings: Further keyword arguments for argparse's add_argument().
    """
    all_names = tuple(names.split())
    if placeholder is not None:
        settings["metavar"] = placeholder
    elif names.startswith("-") and not settings.keys() & {"action", "choices"}:
        settings["action"] = "store_true"
    return ArgumentDeclaration(all_names, completes, {"help": help, **settings})


class CommandLine(argparse.ArgumentParser):
    """An argparse parser that raises UsageError instead of exiting.

    Args:
        program: The program's name in --help and in errors.
        about: The description above the options.
        after: The text below the options in --help.
        arguments: The arguments.

    Attributes:
        completes: The source of completions of each argument, by argparse's destination.
    """

    def __init__(
        self, program: str, about: str, after: str, arguments: Iterable[ArgumentOrGroup] = ()
    ) -> None:
        super().__init__(
            prog=program,
            description=about,
            epilog=after,
            formatter_class=_formatter,
            allow_abbrev=False,
        )
        self.completes: dict[str, str] = {}
        for each in arguments:
            alone = isinstance(each, ArgumentDeclaration)
            group = self if alone else self.add_mutually_exclusive_group()
            for one in (each,) if isinstance(each, ArgumentDeclaration) else each:
                action = group.add_argument(*one.names, **one.settings)
                self.completes[action.dest] = one.completes

    def actions(self) -> list[argparse.Action]:
        """Return all options and arguments, in the order in which --help shows them."""
        return list(self._actions)

    def help_of(self, action: argparse.Action) -> str:
        """Return an argument's description in --help, its defaults filled in."""
        return self._get_formatter()._expand_help(action) if action.help else ""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError where argparse would print the message and exit."""
        raise UsageError(message)


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, width=terminal_columns() - 2)


class Subcommand(NamedTuple):
    """A subcommand, or one verb of a `VerbGroup`.

    Attributes:
        program: The program's name in --help and in errors.
        about: The description above the options.
        after: The text below the options in --help.
        arguments: Its arguments.
        handler: Runs it with the parsed arguments, and returns the exit status.
        usage: Its synopsis where argparse's own would be wrong.
        has_command: True if the words after "--" are the command line of another program. They
            are in ``namespace.program_words``.
        has_program: True if the first word that is no option begins such a command line.
    """

    program: str
    about: str
    after: str
    arguments: Sequence[ArgumentOrGroup]
    handler: Handler
    usage: str | None = None
    has_command: bool = False
    has_program: bool = False

    def parser(self) -> CommandLine:
        """Return a parser of its arguments."""
        parser = CommandLine(self.program, self.about, self.after, self.arguments)
        if self.usage is not None:
            parser.usage = f"{self.program} {self.usage}"
        return parser

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words after the subcommand.

        Raises:
            UsageError: If they don't fit the declared arguments.
        """
        parser = self.parser()
        if self.has_program:
            # REMAINDER leaves options after the program's name to that program. argparse allows
            # it in parse_args() only, so options have to stand before the name.
            parser.add_argument("program_words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
            namespace = parser.parse_args(words)
            namespace.program_words = namespace.program_words[
                namespace.program_words[:1] == ["--"] :
            ]
            return namespace
        # Split by hand: argparse would merge the words after "--" into the positional arguments.
        at = words.index("--") if self.has_command and "--" in words else len(words)
        namespace = parser.parse_intermixed_args(words[:at])
        namespace.program_words = list(words[at + 1 :])
        return namespace

    def run(self, words: Sequence[str]) -> int:
        """Parse the words, run the subcommand and return the exit status.

        Raises:
            UsageError: If the words don't fit the declared arguments.
            QMPError: If the server returns an error, or the connection ends.
            OSError: If the connection fails, or a reply doesn't come in time.
        """
        return self.handler(self.read(words))


class VerbGroup:
    """A subcommand with several verbs: ``qmpeer NAME VERB ...``.

    Args:
        program: The program's name in --help and in errors.
        about: The purpose of the verbs together.
        common: Arguments that every verb has.
        has_address_first: True if a server's address precedes the verb: ``namespace.address``.
        after: The text below the verbs in --help.

    Attributes:
        about: The purpose of the verbs together.
        verbs: The verbs by name.
        has_address_first: True if a server's address precedes the verb.
    """

    def __init__(
        self,
        program: str,
        about: str,
        *common: ArgumentOrGroup,
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
        self, name: str, about: str, after: str, *arguments: ArgumentOrGroup, **settings: Any
    ) -> Callable[[Handler], Handler]:
        """Declare a verb whose handler is the decorated function.

        The arguments are those of `Subcommand`.
        """

        def add(handler: Handler) -> Handler:
            program = f"{self._program} {name}"
            declared = (*self._common, *arguments)
            self.verbs[name] = Subcommand(program, about, after, declared, handler, **settings)
            return handler

        return add

    def run(self, words: Sequence[str]) -> int:
        """Find the verb, run it with the words after it, and return the exit status.

        Raises:
            UsageError: If the address or the verb is missing, or the verb is unknown.
            QMPError: As `Subcommand.run`.
            OSError: As `Subcommand.run`.
        """
        address, behind = "", list(words)
        # "qmpeer ga ping --help", without an address, is a request for the verb's help. Otherwise
        # a server whose address is called like a verb is taken for an address.
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
            place = "no verb after the address" if self.has_address_first else "nothing"
            found = f"found {name!r}" if name else f"found {place}"
            raise UsageError(f"{found}, expected one of {', '.join(self.verbs)}")
        verb = self.verbs[name]
        try:
            namespace = verb.read(behind[1:])
        except UsageError as error:
            return status_of(verb.program, error)
        if self.has_address_first:
            namespace.address = address
        return verb.handler(namespace)

    def help(self) -> str:
        """Return the text of --help: all verbs, one a line."""
        width = max(map(len, self.verbs))
        lines = "".join(f"  {name:{width}}  {verb.about}\n" for name, verb in self.verbs.items())
        return (
            f"usage: {self._program} {{{','.join(self.verbs)}}} ...\n\n{self.about}\n\nverbs:\n"
            f"{lines}\nEach has its own --help: {self._program} {next(iter(self.verbs))} --help\n"
            + (f"\n{self._after}" if self._after else "")
        )


# Checks of single words


def check_text(word: str) -> None:
    """Check that a word is UTF-8, as the words of a command line may be any bytes.

    Raises:
        UsageError: If it isn't UTF-8.
    """
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"found {word!r}, expected text in UTF-8") from error


def seconds(text: str) -> float:
    """Parse a number of seconds: positive, and small enough for the clock of an event loop."""
    value = float(text)
    if not 0 < value <= 1e9:
        raise ValueError
    return value


def count(text: str) -> int:
    """Parse an integer that is 1 or more."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text: str) -> int:
    """Parse an integer that is 0 or more."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def example(text: str, statuses: str = STATUSES) -> str:
    """Return the text below the options in --help: an example, then the exit statuses."""
    return f"example:\n{text}\n\n{statuses}"


# Arguments of several subcommands

ADDRESS: Final = argument("address", "ADDRESS", "unix:PATH, tcp:HOST:PORT, ...")
JSON: Final = argument("--json", None, "write JSON, for programs")
WAIT_FOR_SOCKET: Final = argument(
    "--wait-for-socket", None, "keep trying while nobody listens at ADDRESS yet"
)
TIMEOUT: Final = argument("--timeout", "S", "wait at most S seconds for the connection (default "
                          "10), and for each reply (default 300)", type=seconds)  # fmt: skip
