"""Subcommands that do several things with one server: ``qmpeer NAME ADDRESS VERB ...``."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.exits import DONE, UsageError, status_of

__all__ = ["Verb", "run_verb", "usage_of"]


class Verb(NamedTuple):
    """Hold one thing that can be done.

    Attributes:
        parser: Returns what reads the words behind it.
        run: Does it, with what was read, and returns the exit status; ``given.address`` is where.
        splits: Divides its words into those that are read and those that are somebody else's.
    """

    parser: Callable[[], CommandLine]
    run: Callable[[argparse.Namespace], int]
    splits: Callable[[Sequence[str]], tuple[list[str], list[str]]] | None = None


def run_verb(program: str, about: str, verbs: Mapping[str, Verb], words: Sequence[str]) -> int:
    """Do what the words say, the address before the verb.

    Raises:
        UsageError: If there is no address, or no verb.
    """
    if not words or words[0] in ("-h", "--help"):
        if not words:
            raise UsageError("found no ADDRESS")
        sys.stdout.write(usage_of(program, about, verbs))
        return DONE
    address, *behind = words
    if address in verbs and behind and behind[0] in ("-h", "--help"):
        address, behind = "", list(words)  # "qmpeer ga exec --help"
    name = behind[0] if behind else ""
    if name in ("-h", "--help"):
        sys.stdout.write(usage_of(program, about, verbs))
        return DONE
    if name not in verbs:
        found = f"found {name!r}" if name else "found no verb behind the address"
        raise UsageError(f"{found}, expected one of {', '.join(verbs)}")
    verb = verbs[name]
    own, rest = (behind[1:], []) if verb.splits is None else verb.splits(behind[1:])
    try:
        given = verb.parser().parse_intermixed_args(own)
    except UsageError as error:
        return status_of(f"{program} ADDRESS {name}", error)
    given.address, given.rest = address, rest
    return verb.run(given)


def usage_of(program: str, about: str, verbs: Mapping[str, Verb]) -> str:
    """Return what tells of all verbs."""
    width = max(map(len, verbs))
    lines = [f"  {name:{width}}  {verb.parser().description}" for name, verb in verbs.items()]
    return (
        f"usage: {program} ADDRESS {{{','.join(verbs)}}} ...\n\n{about}\n\nverbs:\n"
        + "\n".join(lines)
        + f"\n\nEach has its own --help: {program} ADDRESS {next(iter(verbs))} --help\n"
    )
