"""The order of names in GLib's hash tables."""

import itertools
import random

import pytest

from qmpeer.messages.glib_table import GlibTable
from tests.growth import assert_linear

# As QEMU's query-chardev listed these, which is the reverse of the table's order.


def order(*labels: str) -> list[str]:
    found = GlibTable()
    for label in labels:
        if label.startswith("!"):
            found.remove(label[1:])
        else:
            found.add(label)
    return list(found)[::-1]


@pytest.mark.parametrize(
    ("history", "listed"),
    [
        (("compat_monitor0",), ["compat_monitor0"]),
        (
            ("a", "!a", "a", "1a", "", "a b", "x/y", "!a", "a", "n", "r4", "m", "p"),
            ["p", "x/y", "1a", "r4", "", "m", "n", "a", "a b"],
        ),
    ],
)
def test_order(history: tuple[str, ...], listed: list[str]) -> None:
    # The monitor's own device is in the table from the beginning.
    found = [label for label in order("compat_monitor0", *history) if label != "compat_monitor0"]
    assert found == [label for label in listed if label != "compat_monitor0"]


@pytest.mark.parametrize("seed", range(20))
def test_no_label_is_lost(seed: int) -> None:
    chosen = random.Random(seed)
    found = GlibTable()
    labels: set[str] = set()
    for number in range(1000):
        if labels and chosen.random() < (0.3 if number < 600 else 0.8):
            label = chosen.choice(sorted(labels))
            found.remove(label)
            labels.remove(label)
        else:
            label = f"d{number}"
            found.add(label)
            labels.add(label)
        listed = list(found)
        assert len(listed) == len(labels)
        assert set(listed) == labels


def test_labels_that_collide_take_no_long_time() -> None:
    def run(count: int) -> None:
        pairs = itertools.product(("az", "bY"), repeat=12)  # these have the same djb2 hash
        order = GlibTable()
        for label in itertools.islice(pairs, count):
            order.add("".join(label))
        assert len(list(order)) == count

    assert_linear(run, 4096)
