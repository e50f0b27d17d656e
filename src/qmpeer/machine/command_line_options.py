"""What query-command-line-options tells of the options that monitors are made with.

Spec: QEMU 7.2 lists the parameters of each option in the reverse of their order. [Options about
what this machine hasn't aren't there, nor what QEMU says of a parameter.]
"""

from typing import Final

from qmpeer.errors import CommandError
from qmpeer.values import JsonObject, JsonValue

__all__ = ["describe_options"]

_TYPES: Final = {"s": "string", "b": "boolean", "n": "number", "z": "size"}
_OPTIONS: Final = {
    "name": "debug-threads:b process:s guest:s",
    "object": "",
    "add-fd": "opaque:s set:n fd:n",
    "accel": "",
    "mon": "pretty:b chardev:s mode:s",
    "chardev": (
        "abstract:b tight:b=on clipboard:b mouse:b logappend:b logfile:s append:b chardev:s"
        " size:z debug:n name:s signal:b mux:b rows:n cols:n height:n width:n websocket:b"
        " tls-authz:s tls-creds:s tn3270:b telnet:b reconnect:n nodelay:b delay:b server:b"
        " wait:b ipv6:b ipv4:b to:n localport:s localaddr:s fd:s port:s host:s path:s backend:s"
    ),
}
"""The parameters of each option, NAME:TYPE, or NAME:TYPE=DEFAULT."""


def describe_options(option: str | None) -> list[JsonValue]:
    """Describe one option, or all.

    Raises:
        CommandError: If there is none of that name.
    """
    if option is not None and option not in _OPTIONS:
        raise CommandError("GenericError", f"invalid option name: {option}")
    names = _OPTIONS if option is None else (option,)
    return [
        {"option": name, "parameters": [_parameter(text) for text in _OPTIONS[name].split()]}
        for name in names
    ]


def _parameter(text: str) -> JsonObject:
    name, _, rest = text.partition(":")
    kind, is_given, default = rest.partition("=")
    parameter: JsonObject = {"name": name, "type": _TYPES[kind]}
    if is_given:
        parameter["default"] = default
    return parameter
