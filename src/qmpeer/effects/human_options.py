"""Options within a line of the human monitor, such as a device's: ``driver,key=value``.

Names with dots give members of members: ``file.driver=nbd`` is ``{"file": {"driver": "nbd"}}``.

Spec: QEMU's QemuOpts and its keyval; which of the two reads the options depends on the release.
[What they don't read alike is refused: a name without a value, other than the first; a name twice;
JSON; an empty name.]
"""

import re
from itertools import count
from typing import Final

from qmpeer.errors import HumanLineError
from qmpeer.values import JsonObject, JsonValue

_OPTION: Final = re.compile(r"((?:[^,]|,,)*)(,|\Z)", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII)

_FIRST: Final = re.compile(r"[\w?](?:[\w.+-]|,,)*", re.ASCII)


def parse_options(text: str, first: str | None) -> JsonObject:
    """Parse options.

    Args:
        text: The options.
        first: The name that the first option has if it is a value alone; None if it may not be.

    Raises:
        HumanLineError: If not every release reads them alike.

    Example:
        >>> parse_options("memory-backend-file,id=m,mem-path=/srv/a,,b", "qom-type")
        {'qom-type': 'memory-backend-file', 'id': 'm', 'mem-path': '/srv/a,b'}
    """
    options: dict[str, JsonValue] = {}
    position = 0
    for number in count(1):
        found = _OPTION.match(text, position)
        assert found is not None
        name, equals, value = found[1].partition("=")
        if position == 0 and first is not None and _FIRST.fullmatch(found[1]):
            name, value = first, found[1]
        elif not equals or _NAME.fullmatch(name) is None:
            # It isn't shown: it may be a secret.
            raise HumanLineError(f"option {number}: expected NAME=VALUE")
        _put(options, name, value.replace(",,", ","))
        position = found.end()
        if not found[2]:
            break
    return options


def _put(options: dict[str, JsonValue], name: str, value: str) -> None:
    *outer, last = name.split(".")
    inner = options
    for each in outer:
        there = inner.setdefault(each, {})
        if not isinstance(there, dict):
            raise HumanLineError(f"found option {name} beside a value for {each}")
        inner = there
    if last in inner:
        raise HumanLineError(f"found option {name} twice, expected it once")
    inner[last] = value
