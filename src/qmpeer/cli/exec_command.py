"""``qmpeer exec``: one QMP command, its return value on standard output."""

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
  name=value     a number (4096, 0x1000, 64M), a boolean (true, on), text or JSON; the server's
                 schema decides. Without a schema it is JSON if it parses as JSON, else text.
  name:=text     always text
  a.b=value      member b of the object a; a.0=x a.1=y are the items of the list a
  '{...}'        all arguments as one JSON object
  -              the same, read from standard input

The return value goes to standard output as JSON: indented on a terminal, else on one line.
Everything else goes to standard error.

example:
  $ qmpeer exec /run/vm.qmp blockdev-add driver=null-co node-name=n0 size=64M
  {}
  $ qmpeer exec /run/vm.qmp query-status | jq -r .status
  running

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    check_text(namespace.command)
    words, arguments, is_ambiguous = _arguments(namespace.words)
    negotiate = not namespace.no_negotiate
    if namespace.oob and not negotiate:
        raise UsageError("found --oob with --no-negotiate, but --oob needs negotiation")
    capabilities = ["oob"] if namespace.oob else []
    with connect(namespace, negotiate=negotiate, capabilities=capabilities) as client:
        # No schema is queried for --oob: the query would wait in band, behind a command that
        # may hang, and --oob is for just that situation.
        if is_ambiguous and negotiate and not namespace.oob:
            from qmpeer.cli.schema_arguments import read_by_server  # start: 30 ms

            arguments = read_by_server(client, namespace.command, words) or arguments
        try:
            value = client.execute(namespace.command, arguments, oob=namespace.oob)
        except (LimitError, ValidationError) as error:  # refused here, before it is sent
            raise UsageError(str(error)) from error
        except CommandError as error:
            from qmpeer.cli.schema_arguments import explain  # start: 30 ms

            hints = explain(
                client, namespace.command, words, arguments, error, may_ask=not namespace.oob
            )
            notes = getattr(error, "__notes__", ())
            complain(PROGRAM, "; ".join([str(error), *hints, *notes]))
            return REFUSED
    write_json(value, is_pretty=namespace.pretty)
    return DONE


def _arguments(words: list[str]) -> tuple[list[str], JsonObject | None, bool]:
    """Return the name=value words, their meaning without a schema, and if a schema may differ."""
    if not words:
        return [], None, False
    from qmpeer.cli import argument_words  # start: 10 ms

    # JSON has types already, so only name=value words can be ambiguous.
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
        argument("--timeout", "S", "wait at most S seconds for the connection (default 10), and "
                 "for the reply (default 300)", type=seconds),
        argument("--oob", None, "execute it out of band, without querying the schema"),
        argument("--no-negotiate", None,
                 "don't wait for a greeting; for a guest agent, which sends none"),
        (
            argument("--pretty", None, "indent the value, even in a pipe or a file", default=None),
            argument("--compact", None, "write the value on one line, even on a terminal",
                     dest="pretty", action="store_false"),
        ),
    ),
    _run,
)  # fmt: skip
