"""``qmpeer exec``: one QMP command, its return value on standard output."""

import argparse
import sys
from time import monotonic
from typing import Any, Final

from qmpeer.cli.command_line import (
    ADDRESS,
    WAIT_FOR_SOCKET,
    Subcommand,
    argument,
    check_text,
    seconds,
)
from qmpeer.cli.connecting import connect
from qmpeer.cli.event_output import write_event
from qmpeer.cli.exits import DONE, REFUSED, STATUSES, UsageError, complain
from qmpeer.cli.output import write_json
from qmpeer.errors import CommandError, CompletionError, LimitError, ValidationError
from qmpeer.messages import Event
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

Many commands only begin something. With --until, the command is done when that event comes; it is
written in place of the return value. --until done takes the event that QEMU documents for this
command, and the events that show a failure: DEVICE_DELETED of this device after device_del. It
writes null if the effect is there without an event, as after the second stop. --match has the same
syntax as arguments, without a schema: a number, true, false or other JSON, else text. The exit
status is 1 if an event shows that the command has failed, and 3 if no event comes in time.

example:
  $ qmpeer exec /run/vm.qmp blockdev-add driver=null-co node-name=n0 size=64M
  {}
  $ qmpeer exec /run/vm.qmp query-status | jq -r .status
  running
  $ qmpeer exec /run/vm.qmp device_del id=disk1 --until done --timeout 30 --compact
  {"timestamp": {...}, "event": "DEVICE_DELETED", "data": {"device": "disk1", "path": "..."}}

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    check_text(namespace.command)
    words, arguments, is_ambiguous = _arguments(namespace.words)
    negotiate = not namespace.no_negotiate
    if namespace.oob and not negotiate:
        raise UsageError("found --oob with --no-negotiate, but --oob needs negotiation")
    until = _until(namespace)
    end = None if namespace.timeout is None else monotonic() + namespace.timeout
    capabilities = ["oob"] if namespace.oob else []
    with connect(namespace, negotiate=negotiate, capabilities=capabilities) as client:
        # No schema is queried for --oob: the query would wait in band, behind a command that
        # may hang, and --oob is for just that situation.
        if is_ambiguous and negotiate and not namespace.oob:
            from qmpeer.cli.schema_arguments import read_by_server  # start: 30 ms

            arguments = read_by_server(client, namespace.command, words) or arguments
        try:
            if until and end is not None:  # --timeout is for the whole
                until["timeout"] = max(0.0, end - monotonic())
            value = client.execute(namespace.command, arguments, oob=namespace.oob, **until)
        except LimitError as error:
            if error.limit == "EVENTS_KEPT":  # the command was executed
                raise
            raise UsageError(str(error)) from error
        except (ValueError, ValidationError) as error:  # refused here, before it is sent
            raise UsageError(str(error).replace("until=True", "--until done")) from error
        except CompletionError:
            raise
        except CommandError as error:
            from qmpeer.cli.schema_arguments import explain  # start: 30 ms

            hints = explain(
                client, namespace.command, words, arguments, error, may_ask=not namespace.oob
            )
            notes = getattr(error, "__notes__", ())
            complain(PROGRAM, "; ".join([str(error), *hints, *notes]))
            return REFUSED
    if isinstance(value, Event):
        write_event(value, is_pretty=namespace.pretty)
    else:
        write_json(value, is_pretty=namespace.pretty)
    return DONE


def _until(namespace: argparse.Namespace) -> dict[str, Any]:
    """Return the client's arguments for --until, --match and --failing.

    Raises:
        UsageError: If the options don't go together, or --match is malformed.
    """
    if namespace.until is None:
        for option in ("match", "failing"):
            if getattr(namespace, option):
                raise UsageError(f"found --{option} without --until, which it needs")
        return {}
    if namespace.no_negotiate:
        raise UsageError("found --until with --no-negotiate, but a guest agent sends no events")
    for name in (namespace.until, *namespace.failing):
        check_text(name)
        if not name:
            raise UsageError("found an empty name, expected the name of an event")
    is_documented = namespace.until == "done"
    chosen: dict[str, Any] = {"until": True if is_documented else namespace.until}
    if namespace.match:
        from qmpeer.cli.argument_words import read_arguments  # start: 10 ms

        chosen["match"] = read_arguments(namespace.match)
    if namespace.failing:
        chosen["failing"] = namespace.failing
    return chosen


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
                 "for the reply (default 300); with --until, for all together", type=seconds),
        argument("--until", "EVENT|done", "wait for this event, which completes the command; done "
                 "stands for the documented one", completes="names:event"),
        argument("--match", "NAME=VALUE", "the event must have this in its data; may be repeated",
                 action="append", default=[]),
        argument("--failing", "EVENT", "an event that shows a failure; may be repeated",
                 action="append", default=[], completes="names:event"),
        WAIT_FOR_SOCKET,
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
