"""What query-command-line-options tells of the options that monitors are made with.

Spec: QEMU 7.2 lists the parameters of each option in the reverse of their order. [Options about
what this machine hasn't aren't there, nor what QEMU says of a parameter.]
"""

from collections.abc import Mapping
from typing import Final

from qmpeer.chardev.options import PARAMETERS
from qmpeer.errors import CommandError
from qmpeer.machine.monitor_options import MON_PARAMETERS
from qmpeer.values import JsonObject, JsonValue

_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {},
    "name": {"guest": "string", "process": "string", "debug-threads": "boolean"},
    "object": {},
    "add-fd": {"fd": "number", "set": "number", "opaque": "string"},
    "accel": {},
    "mon": MON_PARAMETERS,
    "chardev": PARAMETERS,
}
"""The types of each option's parameters, in their order."""
_DEFAULTS: Final = {"tight": "on"}


def describe_options(option: str | None = None) -> list[JsonValue]:
    """Describe one option, or all.

    Raises:
        CommandError: If there is none of that name.
    """
    if option is not None and option not in _OPTIONS:
        raise CommandError("GenericError", f"invalid option name: {option}")
    names = _OPTIONS if option is None else (option,)
    return [{"option": name, "parameters": _parameters(_OPTIONS[name])} for name in names]


def _parameters(types: Mapping[str, str]) -> list[JsonValue]:
    parameters: list[JsonValue] = []
    for name, kind in reversed(list(types.items())):
        parameter: JsonObject = {"name": name, "type": kind}
        if name in _DEFAULTS:
            parameter["default"] = _DEFAULTS[name]
        parameters.append(parameter)
    return parameters
