"""The options that create monitors: ``-mon``, ``-qmp``, ``-qmp-pretty`` and ``-monitor``.

The last three each create a character device and a monitor on it. The device's label is
``compat_monitorN``; N counts the options of all three kinds. With ``chardev:ID`` an option is
counted, too, but uses an existing device. In a program with monitor objects a ``-mon`` without an
id is counted, too, and is called so.

Spec: QEMU 7.2. The values of ``-mon`` are checked after all devices are created, so its errors
come after theirs.
"""

from collections.abc import Collection
from typing import Final, Literal

import msgspec

from qmpeer.chardev import Description, parse_device
from qmpeer.chardev.key_values import check_id, parse_key_values, read_boolean
from qmpeer.chardev.options import parameters_help
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.options.start_error import StartHelp, prepend_warnings
from qmpeer.values import JsonObject

Mode = Literal["readline", "control"]
HUMAN: Final = "monitor-hmp"
CONTROL: Final = "monitor-qmp"
"""The types of the objects that these options are short for."""

MON_PARAMETERS: Final = {"mode": "string", "chardev": "string", "pretty": "boolean"}
"""The keys of ``-mon`` besides the id, with their types, in QEMU's order."""


class MonitorOption(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor on the command line.

    Attributes:
        option: The option as it was spelled.
        argument: Its argument.
        id: The monitor's id; None if it has none.
        chardev: The label of its device; None if it was left out, which is an error.
        mode: The mode as it was spelled, not checked yet; None if it was left out.
        is_pretty: True if JSON is indented; None if ``pretty`` was left out.
    """

    option: str
    argument: str
    id: str | None = None
    chardev: str | None = None
    mode: str | None = None
    is_pretty: bool | None = None

    def properties(self) -> JsonObject:
        """Return the properties of the object that the option is short for, without its id.

        Raises:
            ChardevError: If the mode is unknown or the device is left out, in QEMU's words.
        """
        if self.mode not in (None, "readline", "control"):
            raise ChardevError(qemu_texts.not_accepted("mode", self.mode))
        if self.chardev is None:
            raise ChardevError(qemu_texts.missing("chardev"))
        kind = CONTROL if self.mode == "control" else HUMAN
        return {"qom-type": kind, "chardev": self.chardev, "pretty": bool(self.is_pretty)}


def parse_mon(
    option: str, argument: str, taken: Collection[str]
) -> tuple[MonitorOption, list[str]]:
    """Parse the argument of ``-mon``.

    Args:
        option: The option as it was spelled.
        argument: Its argument.
        taken: The ids of other monitors.

    Returns:
        The monitor, and QEMU's warnings.

    Raises:
        ChardevError: If the argument is invalid, in QEMU's words.
        StartHelp: If it asks for a list of its parameters.
    """
    pairs = parse_key_values(argument, implied_key="chardev")
    if any(pair.flag in ("help", "?") for pair in pairs):
        raise StartHelp(parameters_help("mon", MON_PARAMETERS), status=1)
    id = next((pair.value for pair in pairs if pair.key == "id"), None)
    if id is not None:
        _check_new_id(check_id(id), taken)
    values: dict[str, str] = {}
    is_pretty: bool | None = None
    warnings: list[str] = []
    for pair in pairs:
        if pair.warning is not None:
            warnings.append(pair.warning)
        with prepend_warnings(warnings):
            if pair.key == "pretty":
                is_pretty = read_boolean(pair.key, pair.value)
            elif pair.key not in (*MON_PARAMETERS, "id"):
                raise ChardevError(qemu_texts.invalid(pair.key))
        values[pair.key] = pair.value
    monitor = MonitorOption(
        option=option,
        argument=argument,
        id=id,
        chardev=values.get("chardev"),
        mode=values.get("mode"),
        is_pretty=is_pretty,
    )
    return monitor, warnings


def parse_monitor_device(
    option: str,
    argument: str,
    *,
    mode: Mode,
    is_pretty: bool,
    number: int,
    devices: Collection[str],
    monitors: Collection[str],
) -> tuple[Description | None, MonitorOption]:
    """Parse the argument of ``-qmp``, ``-qmp-pretty`` or ``-monitor``.

    Args:
        option: The option as it was spelled.
        argument: Its argument.
        mode: The monitor's mode, which the option implies.
        is_pretty: True if the monitor indents JSON.
        number: The number of such options before this one.
        devices: The labels of other devices.
        monitors: The ids of other monitors.

    Returns:
        The device, None if another option creates it; and the monitor.

    Raises:
        ChardevError: If the argument is invalid, in QEMU's words.
    """
    description = parse_device(argument, f"compat_monitor{number}", taken=devices)
    label = description.label
    assert label is not None
    _check_new_id(label, monitors)
    monitor = MonitorOption(
        option=option, argument=argument, id=label, chardev=label, mode=mode, is_pretty=is_pretty
    )
    return (None if description.is_reference else description), monitor


def _check_new_id(id: str, taken: Collection[str]) -> None:
    if id in taken:
        raise ChardevError(f"Duplicate ID '{id}' for mon")
