"""The table of human commands: their names, their help, and the lookup of a line's command.

Execution, help and completion all use this table. A command with subcommands, such as ``info``, has
a table of its own.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from qmpeer.effects.human_arguments import HumanArgument
from qmpeer.effects.human_words import skip_blanks, split_words
from qmpeer.monitor.human.show import show_value

_NAME: Final = re.compile(r"[^ /\t\n\v\f\r]*")


class Completions(NamedTuple):
    """The completions of a text.

    Attributes:
        typed: The number of characters of each name that are typed already.
        names: The names that complete the last word, sorted.
    """

    typed: int
    names: list[str]


NOTHING: Final = Completions(0, [])
"""No completions."""


class HumanCommand(msgspec.Struct):
    """A command of the human monitor.

    Attributes:
        name: Its names as help shows them, ``stop|s``.
        arguments: Its arguments.
        params: The arguments as help shows them.
        help: Its description in help.
        handler: Executes it, with the arguments as keywords.
        subcommands: The commands that may follow its name.
        complete: Returns completions for the last of the words; the command's name is the first.
        is_blocking: True if it runs in a thread.
        is_exclusive: True if no in-band command may start meanwhile.
        is_quick: True if it runs in the loop's thread, even if other handlers run elsewhere.
        context_name: The handler's parameter for the context.
        defaults: Values of missing arguments whose parameters have no default.
        conversions: The conversions of words to the parameters' types, by argument name.
        show: Formats the handler's result for people; None formats it as `text` does.
        is_help: True if its argument is another command's name.
        details: The text that ``help NAME`` shows in place of the command's line.
    """

    name: str
    arguments: tuple[HumanArgument, ...]
    params: str
    help: str
    handler: Callable[..., Any]
    subcommands: "CommandTable | None" = None
    complete: Callable[[Sequence[str]], Iterable[str] | Completions] | None = None
    is_blocking: bool = False
    is_exclusive: bool = False
    is_quick: bool = False
    context_name: str | None = None
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    conversions: dict[str, Callable[[str], Any]] = msgspec.field(default_factory=dict)
    show: Callable[[Any], str] | None = None
    is_help: bool = False
    details: str | Callable[[], str] | None = None

    @property
    def names(self) -> list[str]:
        """Its name and its aliases."""
        return self.name.split("|")

    def text(self, value: Any) -> str:
        """Format the handler's result, with a final line end."""
        return show_value(value if self.show is None else self.show(value))

    def next_letter(self, words: Sequence[str]) -> str:
        """Return the letter of the argument behind some words, "" if there is none.

        [QEMU counts flags as if all of them were present, and uses the last argument's letter for
        all words behind it.]
        """
        flags = {f"-{a.flag}": a for a in self.arguments if a.letter == "-"}
        letters = [a.letter for a in self.arguments if a.letter != "-"]
        index, is_flags_word = 0, False
        for word in words:
            if is_flags_word:
                is_flags_word = False
            elif word in flags:
                is_flags_word = flags[word].takes_word
            else:
                index += 1
        return letters[index] if index < len(letters) and not is_flags_word else ""


class UnknownCommand(LookupError):
    """The words that name no command; the text is QEMU's."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def __str__(self) -> str:
        return f"unknown command: '{self.words}'"


class CommandTable:
    """A table of commands by name."""

    __slots__ = ("_by_name", "_sorted")

    def __init__(self) -> None:
        self._by_name: dict[str, HumanCommand] = {}
        self._sorted: list[HumanCommand] = []

    def add(self, command: HumanCommand) -> None:
        """Add a command.

        Raises:
            ValueError: If one of its names is taken or invalid.
        """
        for name in command.names:
            if name in self._by_name:
                raise ValueError(f"human command {name} is registered already")
            if not name.isprintable() or not name or " " in name or "/" in name:
                raise ValueError(f"found {name!r}, which can't be a human command's name")
        for name in command.names:
            self._by_name[name] = command
        # Each command once, in spite of its aliases.
        self._sorted = sorted({id(c): c for c in self._by_name.values()}.values(), key=_by_name)

    def find(self, name: str) -> HumanCommand | None:
        """Return the command with a name or alias, or None."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[HumanCommand]:
        """Iterate over the commands in the order of help."""
        return iter(self._sorted)

    def resolve(self, line: str) -> tuple[HumanCommand, int] | None:
        """Find the command of a line.

        Returns:
            The command and the position of its arguments; None for a blank line.

        Raises:
            UnknownCommand: If there is no such command.

        Spec: QEMU 7.2, measured: a name ends at a blank or a slash; errors show the line from its
        start to the end of the name.
        """
        position = skip_blanks(line, 0)
        if position == len(line):
            return None
        table = self
        while True:
            found = _NAME.match(line, position)
            assert found is not None
            end = found.end()
            command = table.find(line[position:end])
            if command is None:
                raise UnknownCommand(line[:end])
            position = skip_blanks(line, end)
            if command.subcommands is None or position == len(line):
                return command, position
            table = command.subcommands


def _by_name(command: HumanCommand) -> str:
    return command.name


def help_text(table: CommandTable, topic: str | None) -> str:
    """Return the help for a command, for a subcommand, or for a whole table.

    Spec: QEMU 7.2, measured; words behind a command's name are ignored.
    """
    words = split_words(topic) if topic else []
    # Wrong quotes: as in QEMU, help prints nothing.
    if words is None:
        return ""
    for index, word in enumerate(words):
        command = table.find(word)
        if command is None:
            return f"{UnknownCommand(' '.join(words[: index + 1]))}\n"
        if command.subcommands is None:
            details = command.details
            if details is None or topic != " ".join(words[: index + 1]):
                return _help_line(command, words[:index])
            return show_value(details if isinstance(details, str) else details())
        table = command.subcommands
    return "".join(_help_line(command, words) for command in table)


def _help_line(command: HumanCommand, before: Sequence[str]) -> str:
    return (
        "".join(f"{word} " for word in before)
        + f"{command.name} {command.params} -- {command.help}\n"
    )
