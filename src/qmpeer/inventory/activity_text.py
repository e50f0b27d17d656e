"""The load of a machine, as lines for people."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from qmpeer.display.layout import Layout, rate_text

_INDENT: Final = 8
_BAR: Final = 20


def activity_lines(found: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """Yield lines that show rates."""
    yield from layout.section("CPUs", list(_cpu_rows(found["cpus"])), _INDENT)
    yield from layout.section("disks", list(_disk_rows(found["disks"])), _INDENT)
    yield from layout.section("NICs", list(_net_rows(found["nets"])), _INDENT)


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
    for name, rates in disks.items():
        yield [
            name,
            f"read {rate_text(rates['rd_bytes']):>12}",
            f"{rates['rd_operations']:5.0f}/s",
            f"written {rate_text(rates['wr_bytes']):>12}",
            f"{rates['wr_operations']:5.0f}/s",
        ]


def _net_rows(nets: Mapping[str, Mapping[str, float]]) -> Iterator[list[str]]:
    for name, rates in nets.items():
        yield [
            name,
            f"received {rate_text(rates['rx_bytes']):>12}",
            f"sent {rate_text(rates['tx_bytes']):>12}",
        ]
