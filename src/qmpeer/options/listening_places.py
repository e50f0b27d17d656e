"""The places where a program's QMP monitors listen, as other programs are told of them."""

import os
from collections.abc import Iterator, Sequence

import msgspec

from qmpeer.chardev import Chardev
from qmpeer.chardev.socket_device import SocketDevice
from qmpeer.transport import Address, UnixAddress
from qmpeer.transport.address import HostAddress, socket_path
from qmpeer.values import JsonObject


class Places(msgspec.Struct, frozen=True):
    """The addresses of a program's QMP monitors, and of its control socket.

    Attributes:
        addresses: The addresses of the monitors, in the order of the command line; at least one.
        first: The first of them, without the TLS or WebSocket around it.
        control: The address of the control socket, or None.

    Example:
        >>> places = Places(("unix:/tmp/q",), UnixAddress("/tmp/q"))
        >>> places.to_json()["path"], places.environment()["QMP_ADDRESS"]
        ('/tmp/q', 'unix:/tmp/q')
    """

    addresses: tuple[str, ...]
    first: Address
    control: str | None = None

    def to_json(self) -> JsonObject:
        """Return the members of --print-address's line.

        They are ``address`` (the first one), ``addresses``, ``pid``; ``path`` for a unix socket,
        ``host`` and ``port`` for TCP; ``control`` if there is a control socket.
        """
        value: JsonObject = {"address": self.addresses[0], "addresses": list(self.addresses)}
        if (path := socket_path(self.first)) is not None:
            value["path"] = path
        elif isinstance(self.first, HostAddress):
            value["host"], value["port"] = self.first.host, self.first.port
        value["pid"] = os.getpid()
        if self.control is not None:
            value["control"] = self.control
        return value

    def environment(self) -> dict[str, str]:
        """Return the variables of a command's environment.

        ``QMP_SOCKET`` is for tools that know no schemes: the plain path, or HOST:PORT.
        """
        variables = {"QMP_ADDRESS": self.addresses[0]}
        if (path := socket_path(self.first)) is not None:
            variables["QMP_SOCKET"] = path
        elif isinstance(self.first, HostAddress):
            variables["QMP_SOCKET"] = self.first.where
        if self.control is not None:
            variables["QMP_CONTROL"] = self.control
        return variables


def places_of(
    devices: Sequence[Chardev], control: str | None, others: Sequence[Address] = ()
) -> Places | None:
    """Return where devices with QMP monitors listen, or None if no address can be told.

    Devices that wait for no client at a socket, such as stdio, aren't listed; nor is telnet, for
    which there is no address.

    Args:
        devices: The devices.
        control: The address of the control socket, or None.
        others: Addresses of the program that no device has; they come first.
    """
    found = [(str(each), each) for each in others]
    found.extend(_listeners(devices))
    if not found:
        return None
    return Places(tuple(text for text, _ in found), found[0][1], control)


def _listeners(devices: Sequence[Chardev]) -> Iterator[tuple[str, Address]]:
    for device in devices:
        if not isinstance(device, SocketDevice) or (address := device.address) is None:
            continue
        data = device.data
        if data.get("telnet") or data.get("tn3270"):
            continue
        is_safe = "tls-creds" in data
        if (path := socket_path(address)) is not None:
            address = UnixAddress(os.path.abspath(path))  # the reader's folder may differ
        if isinstance(address, HostAddress) and (is_safe or data.get("websocket")):
            scheme = ("wss://" if is_safe else "ws://") if data.get("websocket") else "tls:"
            yield f"{scheme}{address.where}", address
        elif not data.get("websocket"):
            yield str(address), address
