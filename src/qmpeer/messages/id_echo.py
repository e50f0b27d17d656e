"""A command's id as QEMU echoes it: parsed and written again.

The echo differs from the original text in two ways: the order of members, and the form of numbers
with a fraction or an exponent, which QEMU stores as doubles. 1e16 comes back as 10000000000000000,
and 0.1 as 0.10000000000000001.

Spec: QEMU 7.2 walks its hash tables, and writes doubles by "%.17g". [Infinity, which JSON can't
express, comes back as null. Only the first 4096 members and items are converted: more would take
longer than the command.]
"""

import math
from typing import Any

import msgspec

from qmpeer import limits
from qmpeer.messages.qemu_order import in_qemu_order


def echoed(id: Any) -> Any:
    """Return an id in QEMU's order and number format; containers are changed in place."""
    if type(id) is float:
        return _spelled(id)
    containers = [id] if type(id) in (list, dict) else []
    room = limits.MEMBERS
    while containers:
        container = containers.pop()
        room -= len(container)
        if room < 0:
            break
        if type(container) is dict:
            ordered = {name: container[name] for name in in_qemu_order(container)}
            container.clear()
            container.update(ordered)
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is float:
                container[key] = _spelled(item)
            elif type(item) in (list, dict):
                containers.append(item)
    return id


def _spelled(number: float) -> msgspec.Raw | None:
    return msgspec.Raw(f"{number:.17g}".encode()) if math.isfinite(number) else None
