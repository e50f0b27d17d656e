"""``qmpeer top``: what the CPUs, disks and NICs of a machine do, live."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import Final

from qmpeer.cli.command_line import ADDRESS, JSON, TIMEOUT, Subcommand, argument, count, seconds
from qmpeer.cli.connecting import connect
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.output import standard_output, write_json
from qmpeer.client import Client
from qmpeer.inventory.activity import Sampler, rates
from qmpeer.inventory.activity_text import activity_lines
from qmpeer.inventory.machine_facts import Asking
from qmpeer.values import JsonObject

_AFTER: Final = (
    """\
How long CPUs ran, and what went through network interfaces, is in /proc and /sys of the machine's
host: it is shown if that is this one, and ADDRESS a unix socket. C-c ends it.

example:
  $ qmpeer top /run/vm.qmp
  CPUs    0        99.8%  [####################]
          1         2.0%  [                    ]
          process 102.9%
  disks   disk0  read  12.1 MiB/s   310/s   written  0 B/s  0/s

"""
    + STATUSES
)


def _run(given: argparse.Namespace) -> int:
    with connect(given) as client, ExitStack() as stack:
        sampler = Sampler(Asking(client), client.fileno())
        show = write_json if given.json else _on_page(stack)
        before = sampler.sample(monotonic())
        shown = 0
        while given.count is None or shown < given.count:
            _pause(client, given.interval)
            now = sampler.sample(monotonic())
            show(rates(before, now))
            before = now
            shown += 1
    return DONE


def _pause(client: Client, interval: float) -> None:
    """Wait, but no longer than the connection lasts."""
    end = monotonic() + interval
    with client.events() as events:
        while (left := end - monotonic()) > 0:
            try:
                events.next(left)
            except TimeoutError:
                return


def _on_page(stack: ExitStack) -> Callable[[JsonObject], None]:
    """Return what shows rates: in their place, if rich is installed, else below one another."""
    page = standard_output()
    if page.is_terminal:
        try:
            from rich.console import Console  # optional extra: shell
            from rich.live import Live  # optional extra: shell
            from rich.text import Text  # optional extra: shell
        except ImportError:
            pass
        else:
            console = Console(file=page.stream, width=page.width, highlight=False)
            live = stack.enter_context(Live(console=console, auto_refresh=False))
            return lambda found: live.update(
                Text.from_ansi(page.encoded("\n".join(activity_lines(found, page)))), refresh=True
            )
    return lambda found: page.write([*activity_lines(found, page), ""])


COMMAND: Final = Subcommand(
    "qmpeer top",
    "Show what the CPUs, disks and NICs of a machine do, live.",
    _AFTER,
    (
        ADDRESS,
        JSON,
        TIMEOUT,
        argument("--interval", "S", "seconds from one look to the next; 1", type=seconds,
                 default=1.0),
        argument("--count", "N", "end after so many", type=count),
    ),
    _run,
)  # fmt: skip
