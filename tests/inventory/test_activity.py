"""Rates of counters, and the lines that show them."""

from qmpeer.display.layout import Layout
from qmpeer.inventory.activity import Sample, rates
from qmpeer.inventory.activity_text import activity_lines

DISK = {"rd_bytes": 0.0, "wr_bytes": 0.0, "rd_operations": 0.0, "wr_operations": 0.0}


def test_rates() -> None:
    before = Sample(10.0, {"0": {"seconds": 5.0}}, {"d": DISK}, {"gone": {"rx_bytes": 1.0}})
    now = Sample(
        12.0,
        {"0": {"seconds": 6.5, "exits": 9.0}, "1": {"seconds": 3.0}},
        {"d": {**DISK, "rd_bytes": 4096.0}},
        {},
    )
    assert rates(before, now) == {
        "seconds": 2.0,
        "cpus": {"0": {"seconds": 0.75, "exits": 0.0}, "1": {"seconds": 0.0}},
        "disks": {"d": {**DISK, "rd_bytes": 2048.0}},
        "nets": {},
    }
    assert rates(now, before)["cpus"] == {"0": {"seconds": 0.0}}  # the counter was reset


def test_lines() -> None:
    found = {
        "cpus": {"process": {"seconds": 1.2}, "10": {"seconds": 0.5}, "2": {"exits": 70.2}},
        "disks": {"d\x1b": {**DISK, "rd_bytes": 2048.0, "rd_operations": 3.0}},
        "nets": {"n": {"rx_bytes": 0.0, "tx_bytes": 1e6}},
    }
    assert list(activity_lines(found, Layout(78))) == [
        "CPUs    2        70 exits/s",
        "        10        50.0%  [##########          ]",
        "        process  120.0%",
        r"disks   d\u001b  read      2 KiB/s      3/s  written        0 B/s      0/s",
        "NICs    n  received        0 B/s  sent    977 KiB/s",
    ]
