"""``qmpeer info``: what machine this is, at one look."""

import argparse
from time import monotonic
from typing import Final

from qmpeer import limits
from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument
from qmpeer.cli.connecting import connect, connect_agent
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.output import standard_output, write_json
from qmpeer.inventory.agent_facts import agent_facts
from qmpeer.inventory.facts_text import info_lines
from qmpeer.inventory.machine_facts import machine_facts
from qmpeer.values import JsonObject

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


def _run(given: argparse.Namespace) -> int:
    show_facts(_facts(given), given.json)
    return DONE


def show_facts(facts: JsonObject, is_json: bool) -> None:
    """Write what a server or a guest is, for programs or for people."""
    if is_json:
        write_json(facts, is_pretty=None)
    else:
        page = standard_output()
        page.write(info_lines(facts, page))


def _facts(given: argparse.Namespace) -> JsonObject:
    timeout = given.timeout or limits.CONNECT_TIMEOUT
    if given.guest_agent:
        return _guest(given, timeout)
    end = monotonic() + timeout
    try:
        client = connect(given, timeout=min(timeout, limits.SHELL_SILENCE))
    except TimeoutError as silence:
        return _who_is_silent(given, end, silence)
    with client:
        return machine_facts(client)


def _who_is_silent(given: argparse.Namespace, end: float, silence: TimeoutError) -> JsonObject:
    """Ask who doesn't greet: a guest agent; else a monitor that is slow, or is another's now."""
    try:
        return _guest(given, min(max(end - monotonic(), 0.01), limits.SHELL_SILENCE))
    except TimeoutError:
        remaining = end - monotonic()
        if remaining <= 0:
            raise silence from None
    with connect(given, timeout=remaining) as client:
        return machine_facts(client)


def _guest(given: argparse.Namespace, timeout: float) -> JsonObject:
    with connect_agent(given, timeout=timeout) as agent:
        return agent_facts(agent)


COMMAND: Final = Subcommand(
    "qmpeer info",
    "Show what a QMP server is, at one look.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("-g --guest-agent", None, "it is a guest agent: don't try QMP"),
    ),
    _run,
)
