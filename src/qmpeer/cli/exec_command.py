"""``qmpeer exec``: one command, its value on standard output."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from qmpeer import limits
from qmpeer.cli.argument_words import check_text, free_arguments, is_object, read_object, to_words
from qmpeer.cli.exits import DONE, REFUSED, STATUSES, RefusedError, UsageError, complain
from qmpeer.cli.output import write_json
from qmpeer.errors import CommandError, LimitError, ValidationError
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.cli.command_line import CommandLine
    from qmpeer.client import Client

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


class _Given:
    """Hold what the words say."""

    def __init__(
        self,
        address: str,
        command: str,
        words: list[str],
        timeout: float | None = None,
        oob: bool = False,
        no_negotiate: bool = False,
        pretty: bool | None = None,
    ) -> None:
        self.address = address
        self.command = command
        self.words = words
        self.timeout = timeout
        self.oob = oob
        self.no_negotiate = no_negotiate
        self.pretty = pretty


def run(words: Sequence[str]) -> int:
    """Execute one command.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the server refuses, or the connection ends.
        OSError: If there is no connection, or no reply in time.
    """
    given = _read(words)
    check_text(given.command)
    words, arguments = _arguments(given.words)
    from qmpeer.client import Client

    negotiate = not given.no_negotiate
    if given.oob and not negotiate:
        raise UsageError("found --oob with --no-negotiate, but out-of-band has to be negotiated")
    try:
        client = Client.connect(
            given.address,
            timeout=limits.CONNECT_TIMEOUT if given.timeout is None else given.timeout,
            command_timeout=limits.COMMAND_TIMEOUT if given.timeout is None else given.timeout,
            negotiate=negotiate,
            capabilities=["oob"] if given.oob else [],
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    with client:
        if words and negotiate and not given.oob:  # in-band questions may hang, oob may not
            arguments = _typed(client, given.command, words)
        try:
            value = client.execute(given.command, arguments, oob=given.oob)
        except (LimitError, ValidationError) as error:  # no server reads it
            raise UsageError(str(error)) from error
        except CommandError as error:
            from qmpeer.cli.server_words import explain

            hints = explain(client, given.command, words, arguments, error, may_ask=not given.oob)
            notes = getattr(error, "__notes__", ())
            complain(PROGRAM, "; ".join([str(error), *hints, *notes]))
            return REFUSED
    write_json(value, is_pretty=given.pretty)
    return DONE


def _read(words: Sequence[str]) -> _Given:
    if len(words) >= 2 and not any(word.startswith("-") for word in words):
        # Without options there is nothing to be read; argparse is a sixth of the time of it all.
        return _Given(words[0], words[1], list(words[2:]))
    return _Given(**vars(parser().parse_intermixed_args(words)))


def parser() -> "CommandLine":
    """Return what reads the words."""
    from qmpeer.cli.command_line import CommandLine, seconds

    parser = CommandLine(PROGRAM, "Execute one command of a QMP server.", _AFTER)
    parser.add_argument("address", metavar="ADDRESS", help="unix:PATH, tcp:HOST:PORT, ...")
    parser.add_argument("command", metavar="COMMAND", help="such as query-status")
    parser.add_argument("words", metavar="ARGUMENT", nargs="*", default=[], help="see below")
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="seconds until connected, and then until the reply; by default 10 and 300",
    )
    parser.add_argument(
        "--oob", action="store_true", help="execute it out of band; the schema isn't asked"
    )
    parser.add_argument(
        "--no-negotiate",
        action="store_true",
        help="for the guest agent, which neither greets nor negotiates",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--pretty", action="store_true", default=None, help="indent in any case")
    form.add_argument("--compact", dest="pretty", action="store_false", help="one line in any case")
    return parser


def _arguments(words: list[str]) -> tuple[list[str], JsonObject | None]:
    """Return the words of the form name=value, and what they mean without a schema."""
    if words == ["-"]:
        return [], read_object(b"" if sys.stdin is None else sys.stdin.buffer.read())
    if is_object(words):
        return [], read_object(words[0])
    return words, free_arguments(to_words(words)) if words else None


def _typed(client: "Client", command: str, words: list[str]) -> JsonObject:
    """Return what the words mean to the server."""
    from qmpeer.cli.server_words import read_by_server
    from qmpeer.shell.mistakes import Mistake

    try:
        return read_by_server(client, command, words)
    except Mistake as mistake:
        raise (UsageError if mistake.is_syntax else RefusedError)(str(mistake)) from mistake
