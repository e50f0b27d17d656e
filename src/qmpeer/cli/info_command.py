"""``qmpeer info``: what machine this is, at one look."""

import argparse
from collections.abc import Sequence
from time import monotonic
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import CommandLine
from qmpeer.cli.connecting import add_common, connect
from qmpeer.cli.exits import DONE, STATUSES, UsageError
from qmpeer.cli.output import write_json
from qmpeer.values import JsonObject

PROGRAM: Final = "qmpeer info"

_AFTER: Final = (
    """\
It asks whichever query commands the server has; what the server doesn't tell is left out. Who
doesn't greet within two seconds is taken for a guest agent.

example:
  $ qmpeer info /run/vm.qmp
  QEMU 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18) is running
  name        vm1
  machine     pc-q35-7.2, x86_64, kvm
  CPUs        2 × qemu64 (2 sockets)
  memory      64 MiB
  disks       disk0  qcow2  64 MiB, 196 KiB used  /srv/disk0.qcow2
  ...
  $ qmpeer info /run/vm.qmp --json | jq -r .status
  running

"""
    + STATUSES
)


def run(words: Sequence[str]) -> int:
    """Show what a server is.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the connection ends.
        OSError: If there is no connection, or no reply in time.
    """
    given = parser().parse_intermixed_args(words)
    facts = _facts(given)
    if given.json:
        write_json(facts, is_pretty=None)
        return DONE
    from qmpeer.cli.info_text import info_lines
    from qmpeer.cli.page import Page

    page = Page.output()
    page.write(info_lines(facts, page))
    return DONE


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(PROGRAM, "Show what a QMP server is, at one look.", _AFTER)
    add_common(parser)
    parser.add_argument(
        "-g", "--guest-agent", action="store_true", help="it is a guest agent: don't try QMP"
    )
    return parser


def _facts(given: argparse.Namespace) -> JsonObject:
    from qmpeer.cli.machine_facts import machine_facts

    if given.guest_agent:
        return _guest(given, given.timeout)
    timeout = limits.CONNECT_TIMEOUT if given.timeout is None else given.timeout
    end = monotonic() + timeout
    try:
        client = connect(given, timeout=min(timeout, limits.SHELL_SILENCE))
    except TimeoutError as silence:
        return _who_is_silent(given, end, silence)
    with client:
        return machine_facts(client)


def _who_is_silent(given: argparse.Namespace, end: float, silence: TimeoutError) -> JsonObject:
    """Ask who doesn't greet: a guest agent; else a monitor that is slow, or is another's now."""
    from qmpeer.cli.machine_facts import machine_facts

    try:
        return _guest(given, min(max(end - monotonic(), 0.01), limits.SHELL_SILENCE))
    except TimeoutError:
        remaining = end - monotonic()
        if remaining <= 0:
            raise silence from None
    with connect(given, timeout=remaining) as client:
        return machine_facts(client)


def _guest(given: argparse.Namespace, timeout: float | None) -> JsonObject:
    from qmpeer.cli.agent_facts import agent_facts
    from qmpeer.client import GuestAgent

    try:
        agent = GuestAgent.connect(
            given.address,
            timeout=limits.CONNECT_TIMEOUT if timeout is None else timeout,
            command_timeout=limits.COMMAND_TIMEOUT if given.timeout is None else given.timeout,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    with agent:
        return agent_facts(agent)
