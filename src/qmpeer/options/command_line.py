"""The parser of a command line in QEMU's style, for any table of options.

Options may begin with one dash or two. All options are parsed before anything is created. Behind
``--`` there may be a command, which isn't parsed.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from qmpeer.options.program_options import ProgramOptions
from qmpeer.options.start_error import StartError, notice

MONITOR_OBJECTS: Final = "monitor-objects"
"""The option that affects those before it, too."""
END_OF_OPTIONS: Final = "--"
"""The word before the command that a program runs."""

OptionsT = TypeVar("OptionsT", bound=ProgramOptions)
"""The options of one program."""
Flag = Callable[[OptionsT], None]
"""Records an option without an argument."""
ReadArgument = Callable[[OptionsT, str, str], Sequence[str] | None]
"""Records an option, given as it was spelled, and its argument; returns QEMU's warnings."""
TakeWord = Callable[[OptionsT, str], None]
"""Records a word that is no option, or raises StartError."""
TakeCommand = Callable[[OptionsT, Sequence[str]], None]
"""Records the words behind ``--``, or raises StartError."""
Warn = Callable[[str], None]
"""Called with each of QEMU's warnings, as soon as it is found."""


def parse_words(
    options: OptionsT,
    arguments: Sequence[str],
    *,
    flags: Mapping[str, Flag[OptionsT]],
    readers: Mapping[str, ReadArgument[OptionsT]],
    take_word: TakeWord[OptionsT],
    warn: Warn,
    take_command: TakeCommand[OptionsT] | None = None,
) -> None:
    """Parse a command line, without the program's name; end at -h or -version.

    Args:
        options: The record to fill.
        arguments: The command line.
        flags: The options without an argument, by their names without dashes.
        readers: The options with an argument.
        take_word: Called with each word that is neither an option nor the argument of one.
        warn: Called with each of QEMU's warnings, as soon as it is found.
        take_command: Called with the words behind ``--``; without it, there can't be any.

    Raises:
        StartError: At the first option that is unknown or not supported here.
        StartHelp: If an option asks for help.
    """
    options.has_monitor_objects = _asks_for_monitor_objects(arguments, readers)
    rest = iter(arguments)
    for word in rest:
        if not word.startswith("-"):
            take_word(options, word)
            continue
        if word == END_OF_OPTIONS and take_command is not None:
            take_command(options, list(rest))
            return
        name = _name_of(word)
        if name in flags:
            flags[name](options)
        elif name in readers:
            _read_argument(options, word, readers[name], rest, warn)
        else:
            raise StartError(word, None, "invalid option")
        if options.wants_help or options.wants_version:  # as QEMU: later options aren't checked
            return


def _name_of(word: str) -> str:
    """Return an option without its dashes."""
    return word[2:] if word.startswith("--") else word[1:]


def _asks_for_monitor_objects(arguments: Sequence[str], readers: Collection[str]) -> bool:
    """Look for --monitor-objects, which affects the options before it, too."""
    rest = iter(arguments)
    for word in rest:
        if word == END_OF_OPTIONS:
            break
        if word.startswith("-"):
            if (name := _name_of(word)) == MONITOR_OBJECTS:
                return True
            if name in readers:
                next(rest, None)
    return False


def _read_argument(
    options: OptionsT, word: str, reader: ReadArgument[OptionsT], rest: Iterator[str], warn: Warn
) -> None:
    argument = next(rest, None)
    if argument is None:
        raise StartError(word, None, "requires an argument")
    try:
        warnings = reader(options, word, argument)
    except ValueError as error:
        raise StartError.of(word, argument, error) from error
    for warning in warnings or ():
        warn(notice(word, argument, f"warning: {warning}"))


def set_to(name: str, value: object = True) -> Flag[ProgramOptions]:
    """Return a flag that sets an attribute of the options."""
    return lambda options: setattr(options, name, value)


def one_of(name: str, *choice: str) -> ReadArgument[ProgramOptions]:
    """Return the reader of an option whose argument is one of a few words."""

    def read(options: ProgramOptions, option: str, argument: str) -> None:
        if argument not in choice:
            raise ValueError(f"expected {', '.join(choice[:-1])} or {choice[-1]}")
        setattr(options, name, argument)

    return read


def path_of(name: str) -> ReadArgument[ProgramOptions]:
    """Return the reader of an option whose argument is a file: a daemon changes its folder."""
    return lambda options, option, argument: setattr(options, name, os.path.abspath(argument))


def accept_flag(options: ProgramOptions) -> None:
    """Accept an option that turns off something that the program never has."""
