"""``qmpeer proxy --status``: a running proxy at a glance, by its control socket."""

import argparse
import pwd
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from time import monotonic
from typing import Any, Final

from qmpeer import limits
from qmpeer.cli.command_line import JSON, Subcommand, argument, count, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES, RefusedError, UsageError
from qmpeer.cli.live_page import page_on
from qmpeer.cli.output import standard_output, write_either, write_json, write_text
from qmpeer.cli.proxy_text import UserName, departure_text, seconds_text, status_lines, who
from qmpeer.client import Client, Events
from qmpeer.display.safe_text import visible
from qmpeer.errors import CommandError, ConnectionClosed
from qmpeer.messages import Event
from qmpeer.transport import UnixAddress, parse_address
from qmpeer.values import JsonObject

_GONE: Final = "CLIENT_GONE"
_INTERVAL: Final = 1.0
_MOST_DIGITS: Final = 18  # QAPI: int64


def show_status(words: Sequence[str]) -> int:
    """Run ``qmpeer proxy`` with --status among its words; return the exit status.

    Raises:
        UsageError: If the words are wrong.
        QMPError: If the control socket returns an error, or the connection ends.
        OSError: If it can't be reached, or a reply doesn't come in time.
    """
    return _STATUS.run(words)


def _run(namespace: argparse.Namespace) -> int:
    timeout = namespace.timeout
    if not namespace.follow and (namespace.count or namespace.interval) is not None:
        raise UsageError("found --count or --interval, expected --follow, too")
    with connect(namespace, timeout=timeout, command_timeout=timeout) as client:
        if namespace.reload_policy:
            _reload(client, namespace.json)
        elif namespace.disconnect is not None:
            _disconnect(client, namespace.disconnect, timeout, namespace.json)
        elif namespace.follow:
            try:
                _follow(client, namespace)
            except ConnectionClosed as error:
                raise ConnectionClosed(f"the proxy has ended: {error.reason}") from error
        elif namespace.json:
            write_json(_snapshot(client), is_pretty=None)
        else:
            output = standard_output()
            name = _user_name(namespace.address)
            output.write(status_lines(**_snapshot(client), layout=output, user_name=name))
    return DONE


def _execute(client: Client, command: str, arguments: JsonObject | None = None) -> Any:
    """Execute one of the control socket's commands.

    Raises:
        RefusedError: If the server has no such command.
    """
    try:
        return client.execute(command, arguments)
    except CommandError as error:
        if error.error_class != "CommandNotFound":
            raise
        reason = "another QMP server listens there, expected a proxy's --control ADDRESS"
        raise RefusedError(f"found no command {command}: {reason}") from error


def _snapshot(client: Client) -> dict[str, Any]:
    return {
        "server": _execute(client, "query-server"),
        "clients": client.execute("query-clients"),
        "drops": client.execute("query-drops"),
        **_policy(client),
    }


def _policy(client: Client) -> dict[str, Any]:
    """Return the policy that holds; nothing if there is none."""
    try:
        return {"policy": client.execute("query-policy")}
    except CommandError:
        return {}


def _reload(client: Client, is_json: bool) -> None:
    policy = _execute(client, "reload-policy")
    if is_json:
        write_json(policy, is_pretty=None)
    else:
        write_text(f"{policy['file']}: {policy['rules']} rules hold now\n")


def _disconnect(client: Client, number: int, timeout: float, is_json: bool) -> None:
    # Subscribed before the command: the client may be gone at once.
    with client.events(_GONE, match=lambda event: _data(event).get("number") == number) as events:
        _execute(client, "disconnect-client", {"number": number})
        try:
            events.next(timeout)
        except TimeoutError:
            raise TimeoutError(f"client {number} isn't gone after {timeout:g} s") from None
    write_either(is_json, {"disconnected": number}, f"client {number} is disconnected")


def _client_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS or not int(text):
        raise ArgumentTypeError(f"found {text!r}, expected the number of a client, such as 1")
    return int(text)


def _user_name(address: str) -> UserName:
    """Return the function that names users: only on this host do their numbers mean anything."""
    is_here = isinstance(parse_address(address), UnixAddress)

    @cache
    def name(uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name if is_here else f"uid {uid}"
        except KeyError:
            return f"uid {uid}"

    return name


# Follow


def _follow(client: Client, namespace: argparse.Namespace) -> None:
    output, name = standard_output(), _user_name(namespace.address)
    with ExitStack() as stack, client.events() as events:
        show: Callable[[dict[str, Any]], None]
        if namespace.json:
            show = write_json
        elif output.is_terminal:
            page = stack.enter_context(page_on(output))
            show = lambda found: page(status_lines(**found, layout=output, user_name=name))  # noqa: E731
        else:
            output.write(status_lines(**_snapshot(client), layout=output, user_name=name))
            _write_changes(events, name, namespace.count)
            return
        shown = 0
        while namespace.count is None or shown < namespace.count:
            if shown:
                _pause(events, namespace.interval or _INTERVAL)
            show(_snapshot(client))
            shown += 1


def _pause(events: Events[Event], interval: float) -> None:
    """Wait for the interval, or until something happens and a moment has passed."""
    end = monotonic() + interval
    while (left := end - monotonic()) > 0:
        try:
            events.next(left)
        except TimeoutError:
            return
        end = min(end, monotonic() + limits.PROXY_STATUS_MOMENT)


def _write_changes(events: Events[Event], name: UserName, most: int | None) -> None:
    """Write a line for each change, so many or until the connection ends."""
    shown = 0
    while most is None or shown < most:
        line = _change(events.next(None), name)
        standard_output().write([line])
        shown += 1


def _change(event: Event, name: UserName) -> str:
    data = _data(event)
    match event.name:
        case "CLIENT_CONNECTED":
            text = f"client {data['number']} at {data['listener']}: {who(data, name)}"
        case "CLIENT_GONE":
            text = (
                f"client {data['number']} is gone after {seconds_text(data['seconds'])}: "
                f"{departure_text(data['reason'])}"
            )
        case "COMMAND_DENIED":
            by = f": rule {data['rule']}" if "rule" in data else ""
            what = "would be denied" if data["dry-run"] else "denied"
            text = f"client {data['number']}: {data['command']} {what}{by}"
        case "POLICY_CHANGED":
            text = f"a policy of {data['rules']} rules holds now"
        case "SERVER_READY":
            text = f"the server is ready, connection {data['connections']}"
        case "SERVER_LOST":
            text = f"the server is lost: {data['reason']}"
        case _:
            text = event.name
    return visible(text)


def _data(event: Event) -> dict[str, Any]:
    data: JsonObject = event.data or {}
    return dict(data)


_AFTER: Final = (
    """\
The columns: cmds are the commands that a client has sent, errors those that were refused, in and
out are bytes from it and to it. A client waits for the oldest command that isn't answered; "queued"
means that the server doesn't have it yet. "unread" are bytes that it doesn't read, "+3" are further
commands without an answer. A narrow terminal shows fewer columns.

example:
  $ qmpeer proxy --status /run/all.control
  server   unix:/run/vm.qmp: QEMU 7.2.22, ready for 1.9 h
  now      in flight 1, the oldest query-block 0.3 s; queued 0
  so far   commands 412, errors 3, events 20, received 1.2 MiB, sent 31 KiB
  gone     9 of 11 clients: 8 left, 1 didn't read

   #  client               for  cmds  events  waits for
   1  root 812 libvirtd  1.9 h   400      20  query-block 0.3 s
  11  al 977 python3     4.2 s     5       0  +3

"""
    + STATUSES
)
_STATUS: Final = Subcommand(
    "qmpeer proxy",
    "Show a running proxy: its server, its clients, what they wait for.",
    _AFTER,
    (
        argument(
            "--status", "ADDRESS", "the proxy's control socket", dest="address", required=True
        ),
        JSON,
        (
            argument("--follow", None, "show it again and again; into a pipe, a line for each "
                     "change"),
            argument("--disconnect", "N", "disconnect client N, and wait until it is gone",
                     type=_client_number),
            argument("--reload-policy", None, "let it read its policy again, and say which one "
                     "holds"),
        ),
        argument("--timeout", "S", "wait at most S seconds for the connection and for each reply "
                 "(default 10)", type=seconds, default=limits.CONNECT_TIMEOUT),
        argument("--interval", "S", "with --follow: seconds between updates (default 1)",
                 type=seconds),
        argument("--count", "N", "with --follow: end after N updates or changes", type=count),
    ),
    _run,
)  # fmt: skip
