"""``qmpeer top``: what the CPUs, disks and NICs of a machine do, live."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from qmpeer.cli.command_line import CommandLine, count, seconds
from qmpeer.cli.connecting import add_common, connect
from qmpeer.cli.exits import DONE, STATUSES
from qmpeer.cli.output import write_json
from qmpeer.values import JsonObject

if TYPE_CHECKING:
    from qmpeer.cli.page import Page
    from qmpeer.client import Client

PROGRAM: Final = "qmpeer top"
_INDENT: Final = 8
_BAR: Final = 20

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


def run(words: Sequence[str]) -> int:
    """Show it.

    Raises:
        UsageError: If the words make no sense.
        QMPError: If the connection ends.
        OSError: If there is no connection, or no reply in time.
    """
    given = parser().parse_intermixed_args(words)
    from qmpeer.cli.activity import Sampler, rates
    from qmpeer.cli.machine_facts import Asking

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


def parser() -> CommandLine:
    """Return what reads the words."""
    parser = CommandLine(
        PROGRAM, "Show what the CPUs, disks and NICs of a machine do, live.", _AFTER
    )
    add_common(parser)
    parser.add_argument(
        "--interval", metavar="S", type=seconds, default=1.0, help="seconds from one look to the "
        "next; 1",
    )  # fmt: skip
    parser.add_argument("--count", metavar="N", type=count, help="end after so many")
    return parser


def _pause(client: "Client", interval: float) -> None:
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
    from qmpeer.cli.page import Page

    page = Page.output()
    if page.is_terminal:
        try:
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text
        except ImportError:
            pass
        else:
            console = Console(file=page.stream, width=page.width, highlight=False)
            live = stack.enter_context(Live(console=console, auto_refresh=False))
            return lambda found: live.update(
                Text.from_ansi(page.encoded("\n".join(top_lines(found, page)))), refresh=True
            )
    return lambda found: page.write([*top_lines(found, page), ""])


def top_lines(found: Mapping[str, Any], page: "Page") -> Iterator[str]:
    """Give the lines that tell rates."""
    yield from page.section("CPUs", list(_cpu_rows(found["cpus"])), _INDENT)
    yield from page.section("disks", list(_disk_rows(found["disks"])), _INDENT)
    yield from page.section("NICs", list(_net_rows(found["nets"])), _INDENT)


def _cpu_rows(cpus: Mapping[str, Mapping[str, float]]) -> Iterator[list[str]]:
    for name, counters in sorted(cpus.items(), key=lambda each: (len(each[0]), each[0])):
        row = [name]
        if "seconds" in counters:
            share = counters["seconds"]
            row.append(f"{share:6.1%}")
            if name.isdigit():
                done = round(min(share, 1.0) * _BAR)
                row.append(f"[{'#' * done}{' ' * (_BAR - done)}]")
        if "exits" in counters:
            row.append(f"{counters['exits']:.0f} exits/s")
        yield row


def _disk_rows(disks: Mapping[str, Mapping[str, float]]) -> Iterator[list[str]]:
    from qmpeer.cli.page import rate_text

    for name, rates in disks.items():
        yield [
            name,
            f"read {rate_text(rates['rd_bytes']):>12}",
            f"{rates['rd_operations']:5.0f}/s",
            f"written {rate_text(rates['wr_bytes']):>12}",
            f"{rates['wr_operations']:5.0f}/s",
        ]


def _net_rows(nets: Mapping[str, Mapping[str, float]]) -> Iterator[list[str]]:
    from qmpeer.cli.page import rate_text

    for name, rates in nets.items():
        yield [
            name,
            f"received {rate_text(rates['rx_bytes']):>12}",
            f"sent {rate_text(rates['tx_bytes']):>12}",
        ]
