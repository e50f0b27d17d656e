"""The table of human commands: their names, their help, and which one a line means.

Names, help, completion and reading all come from here. A command with subcommands, such as
``info``, has a table of its own.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from qmpeer.monitor.human.arguments import Argument
from qmpeer.monitor.human.show import show_value
from qmpeer.monitor.human.words import skip_blanks, split_words

_NAME: Final = re.compile(r"[^ /\t\n\v\f\r]*")


class Completions(NamedTuple):
    """How a text can go on.

    Attributes:
        typed: How much of each name is there already, in characters.
        names: What the last word may become, sorted.
    """

    typed: int
    names: list[str]


NOTHING: Final = Completions(0, [])
"""It can't go on."""


class HumanCommand(msgspec.Struct):
    """A command of the human monitor.

    Attributes:
        name: Its names as help shows them, ``stop|s``.
        arguments: What is read from the line.
        params: The same for people.
        help: What it does, for people.
        handler: Executes it, with the arguments as keywords.
        subcommands: Those that may follow its name.
        complete: Offers completions for the last of the words, the command's name being the first.
        is_blocking: It is to be executed in a thread.
        is_exclusive: No in-band command goes ahead meanwhile.
        is_quick: It is executed where lines are read, even if handlers belong elsewhere.
        context_name: The handler's parameter that takes the context.
        defaults: Values of arguments that are missing, where the handler has none for them.
        conversions: What turns a word into what the handler takes, by the argument's name.
        show: Writes what the handler returned, for people; None as `text` does.
        is_help: Its argument is another command's name.
        details: What help shows of it, when asked for nothing else, in place of its line.
    """

    name: str
    arguments: tuple[Argument, ...]
    params: str
    help: str
    handler: Callable[..., Any]
    subcommands: "Table | None" = None
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
        """Each of its names."""
        return self.name.split("|")

    def text(self, value: Any) -> str:
        """Write what the handler returned, its last line ended."""
        return show_value(value if self.show is None else self.show(value))

    def next_letter(self, words: Sequence[str]) -> str:
        """Return the letter of the argument that comes behind some words, "" if none does.

        [QEMU counts flags as if they were all there, and takes the last argument's letter for
        all that comes behind it.]
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


class Unknown(LookupError):
    """Say which words name no command; the text is QEMU's."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def __str__(self) -> str:
        return f"unknown command: '{self.words}'"


class Table:
    """Hold commands by their names."""

    __slots__ = ("_by_name", "_sorted")

    def __init__(self) -> None:
        self._by_name: dict[str, HumanCommand] = {}
        self._sorted: list[HumanCommand] = []

    def add(self, command: HumanCommand) -> None:
        """Add a command.

        Raises:
            ValueError: If one of its names is taken, or is none.
        """
        for name in command.names:
            if name in self._by_name:
                raise ValueError(f"human command {name} is registered already")
            if not name.isprintable() or not name or " " in name or "/" in name:
                raise ValueError(f"found {name!r}, which can't be a human command's name")
        for name in command.names:
            self._by_name[name] = command
        self._sorted = sorted({id(c): c for c in self._by_name.values()}.values(), key=_by_name)

    def find(self, name: str) -> HumanCommand | None:
        """Return the command of a name or alias."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[HumanCommand]:
        """Give the commands in the order of help."""
        return iter(self._sorted)

    def resolve(self, line: str) -> tuple[HumanCommand, int] | None:
        """Find the command that a line means.

        Returns:
            The command, and where its arguments begin; None for a blank line.

        Raises:
            Unknown: If there is none.

        Spec: QEMU 7.2, measured: a name ends at a blank or a slash; errors show the line from its
        begin to the end of the name.
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
                raise Unknown(line[:end])
            position = skip_blanks(line, end)
            if command.subcommands is None or position == len(line):
                return command, position
            table = command.subcommands


def _by_name(command: HumanCommand) -> str:
    return command.name


def help_text(table: Table, topic: str | None) -> str:
    """Write the help for a command, a subcommand, or all of a table.

    Spec: QEMU 7.2, measured; words behind a command's name don't count.
    """
    words = split_words(topic) if topic else []
    if words is None:
        return ""
    for index, word in enumerate(words):
        command = table.find(word)
        if command is None:
            return f"{Unknown(' '.join(words[: index + 1]))}\n"
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
