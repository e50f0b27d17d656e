"""The human monitor's "info network": QMP has no command that lists NICs and their back ends."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from qmpeer.values import JsonObject

INFO_NETWORK: Final[JsonObject] = {"command-line": "info network"}
"""The arguments of human-monitor-command."""
_LINE: Final = re.compile(r"(?P<peer> \\ )?(?P<name>[^\s:]+): index=\d+,type=(?P<rest>.*)")


class NetworkLine(NamedTuple):
    """One line of the listing.

    Attributes:
        name: What is called so.
        kind: "nic", or the type of a back end.
        options: Further options by their names.
        is_backend: It is the back end of the NIC in the line above.
    """

    name: str
    kind: str
    options: dict[str, str]
    is_backend: bool


def network_lines(text: str) -> Iterator[NetworkLine]:
    r"""Give the lines that name something.

    Example:
        >>> text = "nic0: index=0,type=nic,model=e1000\n \\ n0: index=0,type=tap,ifname=t0"
        >>> [(line.name, line.kind, line.is_backend) for line in network_lines(text)]
        [('nic0', 'nic', False), ('n0', 'tap', True)]
    """
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            kind, *rest = found["rest"].split(",")
            options = dict(option.partition("=")[::2] for option in rest)
            yield NetworkLine(found["name"], kind, options, found["peer"] is not None)
