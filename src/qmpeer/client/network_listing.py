"""A parser of the human monitor's "info network". QMP has no command that lists NICs."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from qmpeer.values import JsonObject

INFO_NETWORK: Final[JsonObject] = {"command-line": "info network"}
"""The arguments of human-monitor-command."""
_LINE: Final = re.compile(r"(?P<peer> \\ )?(?P<name>[^\s:]+): index=\d+,type=(?P<rest>.*)")
_HUB: Final = re.compile(r"hub (\d+)")
_PORT: Final = re.compile(r" \\ (?P<name>[^\s:]+)(?:: (?P<peer>[^\s:]+: .*))?")
"""A port of a hub, with what is connected to it, which is listed nowhere else."""


class NetworkLine(NamedTuple):
    """One line of the listing.

    Attributes:
        name: The name of the NIC or back end.
        kind: "nic", or the back end's type.
        options: Further options, by name.
        is_backend: True for the back end of the NIC on the line above.
    """

    name: str
    kind: str
    options: dict[str, str]
    is_backend: bool


def network_lines(text: str) -> Iterator[NetworkLine]:
    r"""Yield the lines that name a NIC or a back end.

    Example:
        >>> text = "nic0: index=0,type=nic,model=e1000\n \\ n0: index=0,type=tap,ifname=t0"
        >>> [(line.name, line.kind, line.is_backend) for line in network_lines(text)]
        [('nic0', 'nic', False), ('n0', 'tap', True)]
    """
    hub = ""
    for line in text.splitlines():
        if found := _HUB.fullmatch(line):
            hub = found[1]
            continue
        if not _LINE.fullmatch(line) and (port := _PORT.fullmatch(line)):
            yield NetworkLine(port["name"], "hubport", {"hubid": hub}, False)
            line = port["peer"] or ""
        if found := _LINE.fullmatch(line):
            kind, *rest = found["rest"].split(",")
            options = dict(option.partition("=")[::2] for option in rest)
            yield NetworkLine(found["name"], kind, options, found["peer"] is not None)
