"""``qmpeer info``: a summary of a server and its machine."""

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
The facts come from the query commands that the server has; the others are left out. A server that
sends no greeting within two seconds is taken for a guest agent.

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


def _run(namespace: argparse.Namespace) -> int:
    show_facts(_facts(namespace), namespace.json)
    return DONE


def show_facts(facts: JsonObject, is_json: bool) -> None:
    """Write the facts about a server or a guest, as JSON or as lines for people."""
    if is_json:
        write_json(facts, is_pretty=None)
    else:
        output = standard_output()
        output.write(info_lines(facts, output))


def _facts(namespace: argparse.Namespace) -> JsonObject:
    timeout = namespace.timeout or limits.CONNECT_TIMEOUT
    if namespace.guest_agent:
        return _guest(namespace, timeout)
    end = monotonic() + timeout
    # A monitor greets at once; a guest agent never does. Silence therefore suggests an agent.
    try:
        client = connect(namespace, timeout=min(timeout, limits.SHELL_SILENCE))
    except TimeoutError as silence:
        return _who_is_silent(namespace, end, silence)
    with client:
        return machine_facts(client)


def _who_is_silent(namespace: argparse.Namespace, end: float, silence: TimeoutError) -> JsonObject:
    """Return the facts of a server that sent no greeting in time.

    It may be a guest agent, which never sends one. If it doesn't answer as an agent either, it is
    a monitor that is slow, or that serves another client now: QEMU serves one at a time.
    """
    try:
        return _guest(namespace, min(max(end - monotonic(), 0.01), limits.SHELL_SILENCE))
    except TimeoutError:
        remaining = end - monotonic()
        if remaining <= 0:
            raise silence from None
    try:
        client = connect(namespace, timeout=remaining)
    except TimeoutError:  # our own first attempts may fill the server's queue: they say nothing new
        raise silence from None
    with client:
        return machine_facts(client)


def _guest(namespace: argparse.Namespace, timeout: float) -> JsonObject:
    with connect_agent(namespace, timeout=timeout) as agent:
        return agent_facts(agent)


COMMAND: Final = Subcommand(
    "qmpeer info",
    "Show a summary of a QMP server and its machine.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("-g --guest-agent", None, "ADDRESS is a guest agent: don't try QMP first"),
    ),
    _run,
)
