"""QEMU's short device syntax, the DEV of ``-qmp DEV``, ``-monitor DEV`` and ``-serial DEV``.

``stdio``, ``pty``, ``null``, ``vc[:WxH]``, ``file:PATH``, ``pipe:PATH``, ``tcp:HOST:PORT[,…]`` and
similarly ``telnet:``, ``tn3270:`` and ``websocket:``, ``unix:PATH[,…]``, ``udp:[HOST]:PORT[@…]``,
``/dev/…``, ``chardev:ID`` for an existing device, and ``mon:DEV`` for a device behind a mux.

[In ``tcp:`` and the similar forms, an IPv6 host may be in brackets, which QEMU doesn't accept.]
"""

import re
from collections.abc import Collection
from typing import Final

from qmpeer.chardev.key_values import check_id, parse_key_values
from qmpeer.chardev.options import Description, OptionValue, check_new_id, read_values
from qmpeer.errors import ChardevError

_TCP: Final = re.compile(
    r"(?s)(?:\[(?P<six>[^\],]*)\]|(?P<host>[^:]{0,64})):(?P<port>[^,]{1,32})(?P<rest>.*)"
)
_UDP: Final = re.compile(
    r"(?s)(?P<host>[^:]{0,64}):(?P<port>[^@,]{1,32}+)"
    r"(?:@(?P<localaddr>[^:]{0,64}):(?P<localport>[^,]{1,32})|(?!@)).*"
)
_CHARACTERS: Final = re.compile(r"(?s)([0-9]{1,7})Cx([0-9]{1,7}).*")
_PIXELS: Final = re.compile(r"(?s)([0-9]{1,7})x([0-9]{1,7}).*")
_ALONE: Final = frozenset({"null", "pty", "msmouse", "wctablet", "testdev", "stdio"})
_KIN_OF_TCP: Final = ("tcp", "telnet", "tn3270", "websocket")


def parse_device(text: str, label: str, *, taken: Collection[str] = ()) -> Description:
    """Parse a device in the short syntax; for ``chardev:ID`` the label is ID.

    Args:
        text: The device.
        label: The label of a new device, such as ``compat_monitor0``.
        taken: Ids that are in use.

    Raises:
        ChardevError: If it can't be parsed, in QEMU's words.

    Example:
        >>> parse_device("tcp:localhost:4444,server", "compat_monitor0").backend()["data"]["addr"]
        {'type': 'inet', 'data': {'host': 'localhost', 'port': '4444'}}
    """
    if text.startswith("chardev:"):
        name = text.removeprefix("chardev:")
        try:
            check_id(name)
        except ChardevError as error:
            # As in QEMU, without the hint.
            raise ChardevError(error.reason) from None
        return Description(label=name, is_reference=True)
    is_mux = text.startswith("mon:")
    device = text.removeprefix("mon:")
    try:
        check_new_id(label, taken)
        values = _device_values(device)
    except ChardevError as error:
        raise _with_text(error, text) from None
    if is_mux:
        values["mux"] = True
        if device == "stdio":
            values["signal"] = False  # C-c goes to the front end
    return Description(label=label, values=values)


def _with_text(error: ChardevError, text: str) -> ChardevError:
    """Return the error with QEMU's last line, which quotes the device that can't be parsed."""
    last = f"parse error: {text}"
    if not error.reason:
        return ChardevError(last)
    hint = "\n" + error.hint if error.hint else ""
    return ChardevError(last, earlier=(*error.earlier, error.reason + hint))


def _device_values(text: str) -> dict[str, OptionValue]:
    """Parse a device without the ``mon:``.

    Raises:
        ChardevError: With the reason "" if the parts of a known form can't be separated.
    """
    if text in _ALONE:
        return {"backend": text}
    if text.startswith("vc"):
        return _vc(text)
    if text == "con:":
        return {"backend": "console"}
    scheme, colon, rest = text.partition(":")
    if colon:
        if scheme in _KIN_OF_TCP:
            return _tcp(scheme, rest)
        if scheme == "unix":
            return _keys(rest, {"backend": "socket"}, implied_key="path")
        if scheme == "udp":
            return _udp(rest)
        if scheme in ("file", "pipe"):
            return {"backend": scheme, "path": rest}
    if text.startswith("/dev/parport"):
        return {"backend": "parallel", "path": text}
    if text.startswith(("/dev/", "COM")):
        return {"backend": "serial", "path": text}
    raise ChardevError(f"'{text}' is not a valid char driver")


def _tcp(scheme: str, rest: str) -> dict[str, OptionValue]:
    found = _TCP.fullmatch(rest)
    if found is None:
        raise ChardevError("")
    host = found["host"] if found["six"] is None else found["six"]
    values: dict[str, OptionValue] = {"backend": "socket", "host": host, "port": found["port"]}
    if found["rest"].startswith(","):  # otherwise it is the rest of a port that QEMU cuts off
        values = _keys(found["rest"][1:], values)
    if scheme != "tcp":
        values[scheme] = True
    return values


def _udp(rest: str) -> dict[str, OptionValue]:
    found = _UDP.fullmatch(rest)
    if found is None:
        raise ChardevError("")
    present = {key: value for key, value in found.groupdict().items() if value is not None}
    return {"backend": "udp", **present}


def _vc(text: str) -> dict[str, OptionValue]:
    rest = text.removeprefix("vc")
    if not rest.startswith(":"):
        return {"backend": "vc"}
    if found := _CHARACTERS.fullmatch(rest, 1):
        return {"backend": "vc", "cols": int(found[1]), "rows": int(found[2])}
    if found := _PIXELS.fullmatch(rest, 1):
        return {"backend": "vc", "width": int(found[1]), "height": int(found[2])}
    raise ChardevError("")


def _keys(
    text: str, values: dict[str, OptionValue], implied_key: str | None = None
) -> dict[str, OptionValue]:
    return {**values, **read_values(parse_key_values(text, implied_key=implied_key))}
