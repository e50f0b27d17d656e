"""The answer to query-command-line-options: the options that this machine has.

Spec: QEMU 7.2 lists each option's parameters in reverse order. [Options for hardware that this
machine lacks are left out, and so are QEMU's help texts of parameters.]
"""

from collections.abc import Mapping
from typing import Final

from qmpeer.chardev.options import PARAMETERS
from qmpeer.errors import CommandError
from qmpeer.options.monitor_options import MON_PARAMETERS
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
"""The types of each option's parameters, in order."""
_DEFAULTS: Final = {"tight": "on"}


def describe_options(option: str | None = None) -> list[JsonValue]:
    """Return the description of one option, or of all.

    Raises:
        CommandError: If there is no such option.
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
