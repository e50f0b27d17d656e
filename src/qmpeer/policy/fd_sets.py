"""Sets of descriptors that stand in the place of a path.

Spec: QEMU, qemu_open(): /dev/fdset/N isn't a path but the set N, in which it looks for a descriptor
with the right access.
"""

import re
from typing import Final

from qmpeer.messages.strangers import shown_text
from qmpeer.policy.rules import Facts
from qmpeer.values import JsonValue

_NAME: Final = re.compile(r"/dev/fdset/(0|[1-9][0-9]{0,9})")


def fd_set_of(value: JsonValue) -> int | None:
    """Return the number of the set that a value names; None if it names none for certain.

    Example:
        >>> fd_set_of("/dev/fdset/3"), fd_set_of("/dev/fdset/03"), fd_set_of("/dev/fdset/3/..")
        (3, None, None)
    """
    match = _NAME.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else int(match[1])


def fd_set_failure(value: JsonValue, facts: Facts) -> str | None:
    """Return why a value isn't the name of a client's own set: "found …, expected …", or None."""
    number = fd_set_of(value)
    if number is not None and facts.owns_fd_set(number):
        return None
    found = f'"{shown_text(value)}"' if isinstance(value, str) else "no text"
    return f"found {found}, expected /dev/fdset/N with a set that this client has passed"
