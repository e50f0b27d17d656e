"""Which of several unexpected members QEMU reports.

An error names one. QEMU keeps the members that nobody has read yet in a hash table of GLib's, which
was filled in the order of the parsed object, and names the one in the table's lowest slot.
"""

from collections.abc import Sequence

from qmpeer import limits
from qmpeer.messages.glib_table import GlibTable
from qmpeer.messages.order import walk


def unexpected_member(names: Sequence[str], expected: Sequence[str]) -> str:
    """Choose the member that the error names.

    [QEMU makes the same choice whatever the size; past 4096 members or 64 KiB of names, where the
    choice would cost more than the command, we take the first in the order of the input.]

    Args:
        names: All members of the object, in the order in which they came.
        expected: Those that were read, in the order in which they were; one at least is missing.
    """
    known = set(expected)
    unknown = [name for name in names if name not in known]
    if (
        len(unknown) == 1
        or len(names) > limits.MEMBERS
        or sum(map(len, names)) > limits.MEMBER_NAMES
    ):
        return unknown[0]
    table = GlibTable()
    for name in walk(names):
        table.add(name)
    for name in expected:
        table.remove(name)
    return next(iter(table))
