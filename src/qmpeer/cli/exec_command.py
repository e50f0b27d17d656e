"""``qmpeer exec``: one command, its value on standard output."""

import argparse
import sys
from typing import Final

from qmpeer.cli.command_line import ADDRESS, Subcommand, argument, check_text, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, REFUSED, STATUSES, UsageError, complain
from qmpeer.cli.output import write_json
from qmpeer.errors import CommandError, LimitError, ValidationError
from qmpeer.values import JsonObject

PROGRAM: Final = "qmpeer exec"

_AFTER: Final = (
    """\
arguments:
  name=value     a number (4096, 0x1000, 64M), true or on, text, or JSON: the server's schema
                 decides; without one it is JSON if it parses as JSON, else text
  name:=text     text, whatever it looks like
  a.b=value      a member of an object; a.0=x a.1=y are the items of a list
  '{...}'          all arguments as one JSON object
  -              the same, read from standard input

The value goes to standard output as JSON: indented on a terminal, else on one line.
Everything else goes to standard error.

example:
  $ qmpeer exec /run/vm.qmp blockdev-add driver=null-co node-name=n0 size=64M
  {}
  $ qmpeer exec /run/vm.qmp query-status | jq -r .status
  running

"""
    + STATUSES
)


def _run(given: argparse.Namespace) -> int:
    check_text(given.command)
    words, arguments, is_ambiguous = _arguments(given.words)
    negotiate = not given.no_negotiate
    if given.oob and not negotiate:
        raise UsageError("found --oob with --no-negotiate, but out-of-band has to be negotiated")
    capabilities = ["oob"] if given.oob else []
    with connect(given, negotiate=negotiate, capabilities=capabilities) as client:
        if is_ambiguous and negotiate and not given.oob:  # questions may hang, oob may not
            from qmpeer.cli.server_words import read_by_server  # start: 30 ms

            arguments = read_by_server(client, given.command, words) or arguments
        try:
            value = client.execute(given.command, arguments, oob=given.oob)
        except (LimitError, ValidationError) as error:  # no server reads it
            raise UsageError(str(error)) from error
        except CommandError as error:
            from qmpeer.cli.server_words import explain  # start: 30 ms

            hints = explain(client, given.command, words, arguments, error, may_ask=not given.oob)
            notes = getattr(error, "__notes__", ())
            complain(PROGRAM, "; ".join([str(error), *hints, *notes]))
            return REFUSED
    write_json(value, is_pretty=given.pretty)
    return DONE


def _arguments(words: list[str]) -> tuple[list[str], JsonObject | None, bool]:
    """Return the words of the form name=value, what they mean, and if a schema might differ."""
    if not words:
        return [], None, False
    from qmpeer.cli import argument_words  # start: 10 ms

    if words == ["-"]:
        data = b"" if sys.stdin is None else sys.stdin.buffer.read()
        return [], argument_words.read_object(data), False
    if argument_words.is_object(words):
        return [], argument_words.read_object(words[0]), False
    read = argument_words.to_words(words)
    is_ambiguous = any(map(argument_words.is_ambiguous, read))
    return words, argument_words.free_arguments(read), is_ambiguous


COMMAND: Final = Subcommand(
    PROGRAM,
    "Execute one command of a QMP server.",
    _AFTER,
    (
        ADDRESS,
        argument("command", "COMMAND", "such as query-status", completes="names:command"),
        argument("words", "ARGUMENT", "see below", nargs="*", default=[]),
        argument("--timeout", "S",
                 "seconds until connected, and then until the reply; by default 10 and 300",
                 type=seconds),
        argument("--oob", None, "execute it out of band; the schema isn't asked"),
        argument("--no-negotiate", None,
                 "for the guest agent, which neither greets nor negotiates"),
        (
            argument("--pretty", None, "indent in any case", default=None),
            argument("--compact", None, "one line in any case", dest="pretty",
                     action="store_false"),
        ),
    ),
    _run,
)  # fmt: skip
