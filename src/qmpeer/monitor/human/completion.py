"""Completion at a human monitor, as functions without I/O.

Spec: QEMU 7.2, measured. It completes the names of commands and subcommands, both of them behind
``help``, and then arguments by their kind: files, devices, and a command's own completions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from qmpeer import limits
from qmpeer.effects.human_words import BLANKS, split_words
from qmpeer.monitor.human.table import NOTHING, CommandTable, Completions

NamesFor: TypeAlias = Callable[[str], Iterable[str]]
"""Returns the names that begin with a prefix; other names are ignored."""
_COLUMNS = 80


def complete(table: CommandTable, text: str, kinds: Mapping[str, NamesFor]) -> Completions:
    """Return the completions of a text.

    Args:
        table: The commands.
        text: The line up to the cursor.
        kinds: Functions that return names, by an argument's letter: ``F`` files, ``B`` devices.
    """
    words = split_words(text)
    if words is None:
        return NOTHING
    if not words or text[-1] in BLANKS:
        words.append("")
    return _complete_words(table, table, words, kinds)


def _complete_words(
    root: CommandTable, table: CommandTable, words: Sequence[str], kinds: Mapping[str, NamesFor]
) -> Completions:
    prefix = words[-1]
    if len(words) == 1:
        return _offer((name for command in table for name in command.names), prefix)
    command = table.find(words[0])
    if command is None:
        return NOTHING
    if command.subcommands is not None:
        return _complete_words(root, command.subcommands, words[1:], kinds)
    if command.is_help:
        return _complete_words(root, root, words[1:], kinds)
    if command.complete is not None:
        offered = command.complete(words)
        if isinstance(offered, Completions):
            return Completions(offered.typed, _offer(offered.names, "").names)
        return _offer(offered, prefix)
    kind = command.next_letter(words[1:-1])
    if kind not in kinds:
        return NOTHING
    return _offer(kinds[kind](prefix), prefix)


def _offer(names: Iterable[str], prefix: str) -> Completions:
    """Return the completions among some names that begin with a prefix.

    [Names with control characters, such as a file may have, are left out: they could send commands
    to the terminal.]
    """
    found: set[str] = set()
    for name in names:
        if name.startswith(prefix) and not any(c < " " or c == "\x7f" for c in name):
            found.add(name)
            if len(found) == limits.HUMAN_COMPLETIONS:
                break
    return Completions(len(prefix), sorted(found))


def common_prefix(names: Sequence[str]) -> str:
    """Return the longest prefix of all names.

    Example:
        >>> common_prefix(["migrate", "migrate_cancel"])
        'migrate'
    """
    # In sorted order the first and the last name have the least in common.
    first, last = min(names), max(names)
    for index, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:index]
    return first


def columns_of(names: Sequence[str]) -> Iterable[str]:
    """Yield rows of names, 80 wide, in columns two wider than the longest name, at least 10.

    Example:
        >>> list(columns_of(["stats", "status"]))
        ['stats     status    ']
    """
    width = min(max(max(map(len, names)) + 2, 10), _COLUMNS)
    per_row = _COLUMNS // width
    for start in range(0, len(names), per_row):
        yield "".join(name.ljust(width) for name in names[start : start + per_row])


def file_names(
    prefix: str, list_folder: Callable[[str], Iterable[tuple[str, bool]]]
) -> Iterable[str]:
    """Yield the paths that begin with a prefix; a folder's path ends in a slash.

    Args:
        prefix: The typed text.
        list_folder: Returns the entries of a folder, and whether each is a folder; none if the
            folder can't be read.

    Example:
        >>> list(file_names("/tmp/a", lambda path: [("ab", True), ("ac", False), ("b", False)]))
        ['/tmp/ab/', '/tmp/ac']
    """
    folder, slash, start = prefix.rpartition("/")
    for name, is_folder in list_folder(folder + slash or "."):
        if name.startswith(start):
            yield f"{folder}{slash}{name}{'/' if is_folder else ''}"
