"""The monitor that libvirt opens in QEMU's command line, and the name of the domain.

libvirt passes ``-chardev socket,id=charmonitor,fd=N,server=on,wait=off`` and ``-mon
chardev=charmonitor,id=monitor,mode=control``; N is a socket that listens already. The argument of
-chardev may be JSON, as of ``chardev-add``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

_PLACEHOLDER = re.compile("%(.?)", re.DOTALL)


class LibvirtMonitor(NamedTuple):
    """A monitor that listens on an inherited socket.

    Attributes:
        at: The position of the argument of -chardev.
        label: The label of the character device.
        fd: The number of the descriptor.
    """

    at: int
    label: str
    fd: int

    def connected(self, arguments: Sequence[str], fd: int) -> list[str]:
        """Return the command line with a connected socket in place of the one that listens."""
        argument = arguments[self.at]
        if argument.startswith("{"):
            import json  # start: 5 ms

            properties = json.loads(argument)
            address = {"type": "fd", "data": {"str": str(fd)}}
            properties["backend"]["data"] = {"addr": address, "server": False}
            argument = json.dumps(properties)
        else:
            argument = f"socket,id={self.label},fd={fd}"
        return [*arguments[: self.at], argument, *arguments[self.at + 1 :]]


def find_monitor(arguments: Sequence[str]) -> LibvirtMonitor | None:
    """Find the QMP monitor on an inherited socket that listens; None if there is none.

    Example:
        >>> device = "socket,id=charmonitor,fd=22,server=on,wait=off"
        >>> monitor = "chardev=charmonitor,id=monitor,mode=control"
        >>> find_monitor(["-chardev", device, "-mon", monitor])
        LibvirtMonitor(at=1, label='charmonitor', fd=22)
    """
    labels = {
        values.get("chardev")
        for _, values in _options(arguments, "-mon")
        if values.get("mode") == "control"
    }
    for at, values in _options(arguments, "-chardev"):
        label, fd = values.get("id", ""), values.get("fd", "")
        is_listening = values.get("server") in ("on", "")  # "": the flag of older releases
        if label in labels and fd.isdecimal() and is_listening:
            return LibvirtMonitor(at, label, int(fd))
    return None


class Domain(NamedTuple):
    """The domain that a command line starts.

    Attributes:
        name: Its name.
        uuid: Its UUID.
    """

    name: str
    uuid: str

    def fill(self, words: Sequence[str]) -> list[str]:
        """Return options with this domain's name in place of ``%n``, and its UUID of ``%u``.

        In arguments of QEMU's options, each comma of the name is doubled. ``%%`` stands for one %.

        Raises:
            ValueError: If there is another placeholder, or the name can't be part of a path.

        Example:
            >>> Domain("a,b", "").fill(["-qmp", "unix:/run/%n.qmp,server=on"])
            ['-qmp', 'unix:/run/a,,b.qmp,server=on']
        """
        filled = []
        option = ""
        for word in words:
            is_qemus = option.startswith("-") and not option.startswith("--")
            name = self.name.replace(",", ",,") if is_qemus else self.name
            filled.append(_PLACEHOLDER.sub(partial(self._value, name), word))
            option = word
        return filled

    def _value(self, name: str, found: "re.Match[str]") -> str:
        match found[1]:
            case "%":
                return "%"
            case "u":
                return self.uuid
            case "n":
                if "/" in name or name in ("", ".", ".."):
                    reason = "expected one that can be part of a path"
                    raise ValueError(f"found the domain's name {name!r}, {reason}")
                return name
        reason = "expected %n for the domain's name, %u for its UUID, or %% for one %"
        raise ValueError(f"found {found[0]!r} in {found.string!r}, {reason}")


def domain_of(arguments: Sequence[str]) -> Domain:
    """Return the domain that QEMU's command line starts; what isn't there is ``""``.

    Example:
        >>> domain_of(["-name", "guest=a,,b,debug-threads=on", "-uuid", "1"])
        Domain(name='a,b', uuid='1')
    """
    name = next((values.get("guest", "") for _, values in _options(arguments, "-name")), "")
    uuid = next((arguments[at] for at, _ in _options(arguments, "-uuid")), "")
    return Domain(name, uuid)


def _options(arguments: Sequence[str], option: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Give the position and the values of each argument of an option."""
    for at in range(1, len(arguments)):
        if arguments[at - 1] == option:
            yield at, _values(arguments[at])


def _values(argument: str) -> Mapping[str, str]:
    if argument.startswith("{"):
        return _json_values(argument)
    # A comma in a value is written twice. No argument has a NUL.
    parts = (part.partition("=") for part in argument.replace(",,", "\0").split(","))
    return {key: value.replace("\0", ",") for key, _, value in parts}


def _json_values(argument: str) -> Mapping[str, str]:
    """Return the values of a character device in JSON, as they stand in the other form."""
    import json  # start: 5 ms

    try:
        properties = json.loads(argument)
        data = properties["backend"]["data"]
        address = data["addr"]
        values = {"id": properties["id"], "fd": address["data"]["str"]}
    except (ValueError, KeyError, TypeError):
        return {}  # another kind of device
    is_listening = address["type"] == "fd" and data.get("server", True) is True
    return {**values, "server": "on"} if is_listening else values
