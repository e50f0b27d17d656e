"""Completion at a human monitor: how a text can go on, from nothing but what is given.

Spec: QEMU 7.2, measured: names of commands, of subcommands, of both behind ``help``, then by the
kind of the argument: files, devices, and what a command itself offers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from qmpeer import limits
from qmpeer.monitor.human.table import NOTHING, Completions, Table
from qmpeer.monitor.human.words import BLANKS, split_words

NamesFor: TypeAlias = Callable[[str], Iterable[str]]
"""Give the names that begin with a prefix, and others if that is easier."""
_COLUMNS = 80


def complete(table: Table, text: str, kinds: Mapping[str, NamesFor]) -> Completions:
    """Find how a text can go on.

    Args:
        table: The commands.
        text: The line up to the cursor.
        kinds: Names for arguments, by their letter: ``F`` files, ``B`` block devices.
    """
    words = split_words(text)
    if words is None:
        return NOTHING
    if not words or text[-1] in BLANKS:
        words.append("")
    return _complete_words(table, table, words, kinds)


def _complete_words(
    root: Table, table: Table, words: Sequence[str], kinds: Mapping[str, NamesFor]
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
    """Take the names that begin with a prefix.

    [Names with control characters, such as a file may have, are left out: they could do anything
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
    """Return what all names begin with.

    Example:
        >>> common_prefix(["migrate", "migrate_cancel"])
        'migrate'
    """
    first, last = min(names), max(names)
    for index, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:index]
    return first


def columns_of(names: Sequence[str]) -> Iterable[str]:
    """Set names in columns, as wide as the longest and two more, 10 at least, in 80.

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
    """Give the paths that begin with a prefix; those of folders end in a slash.

    Args:
        prefix: What was typed.
        list_folder: Gives the entries of a folder, and whether each is a folder; none if it
            can't be read.

    Example:
        >>> list(file_names("/tmp/a", lambda path: [("ab", True), ("ac", False), ("b", False)]))
        ['/tmp/ab/', '/tmp/ac']
    """
    folder, slash, start = prefix.rpartition("/")
    for name, is_folder in list_folder(folder + slash or "."):
        if name.startswith(start):
            yield f"{folder}{slash}{name}{'/' if is_folder else ''}"
