"""``qmpeer top``: the live load of a machine's CPUs, disks and NICs."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import Final

from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument, count, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.live_page import page_on
from qmpeer.cli.output import standard_output, write_json
from qmpeer.client import Client
from qmpeer.inventory.activity import Sampler, rates
from qmpeer.inventory.activity_text import activity_lines
from qmpeer.inventory.machine_facts import OptionalQueries
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
CPU times and network traffic are read from /proc and /sys of the machine's host, so they are shown
only if the machine runs on this host and ADDRESS is a unix socket. Press C-c to end.

example:
  $ qmpeer top /run/vm.qmp
  CPUs    0        99.8%  [####################]
          1         2.0%  [                    ]
          process 102.9%
  disks   disk0  read  12.1 MiB/s   310/s   written  0 B/s  0/s

"""
    + STATUSES
)


def _run(namespace: argparse.Namespace) -> int:
    with connect(namespace) as client, ExitStack() as stack:
        sampler = Sampler(OptionalQueries(client), client.fileno())
        show = write_json if namespace.json else _on_page(stack)
        before = sampler.sample(monotonic())
        shown = 0
        while namespace.count is None or shown < namespace.count:
            _pause(client, namespace.interval)
            now = sampler.sample(monotonic())
            show(rates(before, now))
            before = now
            shown += 1
    return DONE


def _pause(client: Client, interval: float) -> None:
    """Wait for the interval; raise if the connection ends meanwhile."""
    end = monotonic() + interval
    # Waiting for events, rather than sleeping, notices at once that the server is gone.
    with client.events() as events:
        while (left := end - monotonic()) > 0:
            try:
                events.next(left)
            except TimeoutError:
                return


def _on_page(stack: ExitStack) -> Callable[[JsonObject], None]:
    """Return a function that shows rates."""
    output = standard_output()
    show = stack.enter_context(page_on(output))
    return lambda found: show(activity_lines(found, output))


COMMAND: Final = Subcommand(
    "qmpeer top",
    "Show the load of a machine's CPUs, disks and NICs, live.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("--interval", "S", "seconds between updates (default 1)", type=seconds,
                 default=1.0),
        argument("--count", "N", "end after N updates", type=count),
    ),
    _run,
)  # fmt: skip
