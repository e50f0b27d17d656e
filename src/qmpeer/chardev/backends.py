"""Translation of ``-chardev``'s keys, for each type of device, to the JSON of ``chardev-add``.

Spec: QAPI, ChardevBackend: ``{"type": …, "data": {…}}``, with addresses in their old form, which
has a ``data`` of its own. The errors and the order of the checks are QEMU's.
"""

from collections.abc import Callable, Mapping
from typing import Final

from qmpeer.errors import ChardevError
from qmpeer.values import JsonObject

Values = Mapping[str, str | bool | int]

BACKENDS: Final = (
    *("stdio", "ringbuf", "mux", "pipe", "qemu-vdagent", "null", "msmouse", "socket", "vc"),
    *("parallel", "udp", "memory", "file", "serial", "wctablet", "pty", "testdev"),
)
"""The types that QEMU 7.2 lists, in its order."""

ALIASES: Final = {"tty": "serial", "parport": "parallel"}
"""Old names of types, for which QEMU warns."""

_REQUIRED: Final = {
    "file": ("path", "out", "file: no filename"),
    "pipe": ("path", "device", "pipe: no device path"),
    "serial": ("path", "device", "serial/tty: no device path"),
    "parallel": ("path", "device", "parallel: no device path"),
    "mux": ("chardev", "chardev", "mux: no chardev"),
}
"""By type: a required key, its name in the JSON, and the start of the error if it is missing."""

_COPIED: Final = {
    "stdio": ("signal",),
    "file": ("append",),
    "ringbuf": ("size",),
    "memory": ("size",),
    "vc": ("width", "height", "cols", "rows"),
}
"""By type: keys with the same name in the JSON; a number of 0 counts as missing."""


def backend_of(label: str, values: Values) -> JsonObject:
    """Return the JSON of a backend.

    Raises:
        ChardevError: If the keys can't be combined, in QEMU's words.
    """
    name = values.get("backend")
    if name is None:
        raise ChardevError(f'chardev: "{label}" missing backend')
    kind = ALIASES.get(str(name), str(name))
    if kind not in BACKENDS:
        raise ChardevError(f"'{name}' is not a valid char driver name")
    data: JsonObject = {}
    if "logfile" in values:
        data["logfile"] = values["logfile"]
        data["logappend"] = values.get("logappend", False)
    if kind in _REQUIRED:
        key, member, complaint = _REQUIRED[kind]
        if key not in values:
            raise ChardevError(f"chardev: {complaint} given")
        data[member] = str(values[key])
    for key in _COPIED.get(kind, ()):
        value = values.get(key)
        # False is passed on; 0 and "" count as missing.
        if value or value is False:
            data[key] = value
    return {"type": kind, "data": data | _PARSERS[kind](values) if kind in _PARSERS else data}


def alias_warning(values: Values) -> str | None:
    """Return QEMU's warning for the old name of a type, or None."""
    name = str(values.get("backend"))
    if name not in ALIASES:
        return None
    return f"The alias '{name}' is deprecated, use '{ALIASES[name]}' instead"


def _socket(values: Values) -> JsonObject:
    address = _socket_address(values)
    if "delay" in values and "nodelay" in values:
        raise ChardevError("'delay' and 'nodelay' are mutually exclusive")
    is_server = values.get("server", False)
    data: JsonObject = {
        "addr": address,
        "server": is_server,
        "telnet": values.get("telnet", False),
        "tn3270": values.get("tn3270", False),
        "websocket": values.get("websocket", False),
        "nodelay": not values["delay"] if "delay" in values else values.get("nodelay", False),
    }
    if is_server or "wait" in values:
        data["wait"] = values.get("wait", True)
    if "reconnect" in values:
        data["reconnect"] = _signed(values["reconnect"])
    for key in ("tls-creds", "tls-authz"):
        if key in values:
            data[key] = values[key]
    return data


def _socket_address(values: Values) -> JsonObject:
    if sum(key in values for key in ("path", "fd", "host")) > 1:
        raise ChardevError("None or one of 'path', 'fd' or 'host' option required.")
    if "path" in values:
        unix: JsonObject = {"path": values["path"]}
        for key in ("abstract", "tight"):
            if key in values:
                unix[key] = values[key]
        return {"type": "unix", "data": unix}
    if "host" in values:
        if "port" not in values:
            raise ChardevError("chardev: socket: no port given")
        return {"type": "inet", "data": _inet(str(values["host"]), str(values["port"]), values)}
    return {"type": "fd", "data": {"str": str(values.get("fd", ""))}}


def _inet(host: str, port: str, values: Values) -> JsonObject:
    data: JsonObject = {"host": host, "port": port}
    for key in ("to", "ipv4", "ipv6"):
        if key in values:
            data[key] = values[key]
    return data


def _signed(number: object) -> int:
    """Return a number of 64 bits as signed, like QAPI's integers."""
    number = int(str(number))
    return number - (1 << 64) if number >= 1 << 63 else number


def _udp(values: Values) -> JsonObject:
    host = str(values.get("host") or "localhost")
    port = str(values.get("port") or "")
    if not port:
        raise ChardevError("chardev: udp: remote port not specified")
    data: JsonObject = {"remote": {"type": "inet", "data": _inet(host, port, values)}}
    local_host, local_port = values.get("localaddr", ""), values.get("localport", "")
    if local_host or local_port:
        local: JsonObject = {"host": local_host, "port": local_port or "0"}
        data["local"] = {"type": "inet", "data": local}
    return data


_PARSERS: Final[dict[str, Callable[[Values], JsonObject]]] = {"socket": _socket, "udp": _udp}
