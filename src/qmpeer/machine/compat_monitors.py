"""The character device and monitor that one ``-qmp DEV`` or ``-qmp-pretty DEV`` stands for.

QEMU labels the device behind such an option ``compat_monitorN``, hence the name.
"""

import re
from typing import Final, Literal

import msgspec

from qmpeer.machine.key_values import read_boolean, split_key_values
from qmpeer.transport import Address, parse_address

Kind = Literal["tcp", "unix", "stdio"]

_TCP: Final = re.compile(
    r"(?P<host>\[[^\],]*\]|[^:]{0,64}):(?P<port>[^,]{1,32})(?P<rest>,.*)?", re.S
)

_SOCKET_BOOLEANS: Final = frozenset({"delay", "nodelay", "server", "wait"})
_SOCKET_KEYS: Final = frozenset({"path", "host", "port"}) | _SOCKET_BOOLEANS
_KEYS_NOT_OURS_YET: Final = frozenset(
    {
        *("abstract", "fd", "ipv4", "ipv6", "logappend", "logfile", "mux", "reconnect", "telnet"),
        *("tight", "tls-authz", "tls-creds", "tn3270", "to", "websocket"),
    }
)
_DRIVERS_NOT_OURS_YET: Final = frozenset(
    {
        *("chardev", "con", "file", "mon", "null", "pipe", "pty", "telnet", "tn3270", "udp"),
        *("vc", "websocket"),
    }
)


class CompatMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one monitor of the command line and the device that it speaks through."""

    option: str
    argument: str
    label: str
    kind: Kind
    host: str = ""
    port: str = ""
    path: str = ""
    is_server: bool = False
    is_waiting: bool = False
    is_pretty: bool = False

    @property
    def target(self) -> Address:
        """Where it listens, or whom it connects to.

        Raises:
            ValueError: If that is no address.
        """
        if self.kind == "unix":
            # An "@" is a file's name here, and the abstract namespace in addresses.
            path = "./" + self.path if self.path.startswith("@") else self.path
            text = f"unix:{path}"
        else:
            if not (self.port.isdecimal() and self.port.isascii() and int(self.port) <= 0xFFFF):
                why = "Servname not supported for ai_socktype"
                raise ValueError(f"address resolution failed for {self.host}:{self.port}: {why}")
            host = f"[{self.host}]" if ":" in self.host else self.host
            text = f"tcp:{host}:{self.port}"
        address = parse_address(text)
        assert isinstance(address, Address)
        return address

    def filename(self, end: str, peer: str | None) -> str:
        """Name the device as query-chardev does.

        Args:
            end: Of TCP, our own end as HOST:PORT; of a client that isn't connected, the other.
            peer: Who is connected, as HOST:PORT for TCP, "" for others; None if nobody is.

        Spec: QEMU, query-chardev: ``disconnected:`` before a socket nobody is connected to, and
        both ends of a TCP connection. [QEMU leaves out the path of a unix client's connection.]
        """
        if self.kind == "stdio":
            return "stdio"
        server = ",server=on" if self.is_server else ""
        text = f"{self.kind}:{end if self.kind == 'tcp' else self.path}{server}"
        if peer is None:
            return f"disconnected:{text}"
        return f"{text} <-> {peer}" if peer else text


def parse_compat_monitor(
    option: str, argument: str, *, label: str, is_pretty: bool = False
) -> CompatMonitor:
    """Read the argument of ``-qmp`` or ``-qmp-pretty``.

    Raises:
        ValueError: If it describes no device of ours; in QEMU's words where QEMU refuses it too.

    Spec: QEMU's short device syntax: ``stdio``, ``tcp:HOST:PORT[,key=value…]``,
    ``unix:PATH[,key=value…]``. ``wait`` is on by default for servers. [An IPv6 host may stand in
    brackets, which QEMU's short syntax doesn't read.]
    """
    if argument == "stdio":
        return CompatMonitor(
            option=option, argument=argument, label=label, kind="stdio", is_pretty=is_pretty
        )
    scheme, _, rest = argument.partition(":")
    if ":" in argument and scheme == "tcp":
        kind: Kind = "tcp"
        values = _tcp_values(argument, rest)
    elif ":" in argument and scheme == "unix":
        kind = "unix"
        values = dict(_checked(split_key_values(rest, implied_key="path")))
        if not values.get("path"):
            raise ValueError("chardev: socket: no path given")
    elif scheme in _DRIVERS_NOT_OURS_YET:
        raise ValueError(f"'{scheme}' is a char driver that this machine doesn't have yet")
    else:
        raise ValueError(f"'{argument}' is not a valid char driver")
    is_server = read_boolean("server", values.get("server", "off"))
    if not is_server and "wait" in values:
        raise ValueError("'wait' option is incompatible with socket in client connect mode")
    return CompatMonitor(
        option=option,
        argument=argument,
        label=label,
        kind=kind,
        host=values.get("host", "") if kind == "tcp" else "",
        port=values.get("port", "") if kind == "tcp" else "",
        path=values.get("path", "") if kind == "unix" else "",
        is_server=is_server,
        is_waiting=is_server and read_boolean("wait", values.get("wait", "on")),
        is_pretty=is_pretty,
    )


def _tcp_values(argument: str, rest: str) -> dict[str, str]:
    found = _TCP.fullmatch(rest)
    if found is None:
        raise ValueError(f"parse error: {argument}")
    values = {"host": found["host"].removeprefix("[").removesuffix("]"), "port": found["port"]}
    values.update(_checked(split_key_values((found["rest"] or "")[1:])))
    return values


def _checked(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    for key, value in pairs:
        if key in _KEYS_NOT_OURS_YET:
            raise ValueError(f"this machine doesn't have the socket option '{key}' yet")
        if key not in _SOCKET_KEYS:
            raise ValueError(f"Invalid parameter '{key}'")
        if key in _SOCKET_BOOLEANS:
            read_boolean(key, value)
    return pairs
