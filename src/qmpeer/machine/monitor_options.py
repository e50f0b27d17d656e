"""The options that make monitors: ``-mon``, and what ``-qmp DEV`` and its kin stand for.

``-qmp DEV``, ``-qmp-pretty DEV`` and ``-monitor DEV`` each stand for a character device and a
monitor on it. The device's label is ``compat_monitorN``, N counting all three; ``chardev:ID``
counts, too, but names a device that is there already.

Spec: QEMU 7.2. What a ``-mon`` option says is looked at when all devices are made, so that its
errors come after theirs.
"""

from collections.abc import Collection
from typing import Final, Literal

import msgspec

from qmpeer.chardev import Description, parse_device
from qmpeer.chardev.key_values import check_id, parse_key_values, read_boolean
from qmpeer.chardev.options import parameters_help
from qmpeer.errors import ChardevError
from qmpeer.machine.start_error import StartHelp, behind_warnings
from qmpeer.messages import qemu_texts

Mode = Literal["readline", "control"]

MON_PARAMETERS: Final = {"mode": "string", "chardev": "string", "pretty": "boolean"}
"""The keys that ``-mon`` knows besides an id and their types, in QEMU's order."""


class MonitorOption(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor of the command line.

    Attributes:
        option: The option as it was spelled.
        argument: Its argument.
        id: The monitor's, None if it has none.
        chardev: The label of its device; None if there is none, which is an error.
        mode: What it was asked to be, not yet looked at.
        is_pretty: Whether it writes over many lines; None if that wasn't said.
    """

    option: str
    argument: str
    id: str | None = None
    chardev: str | None = None
    mode: str | None = None
    is_pretty: bool | None = None

    def checked(self) -> tuple[str, Mode, bool]:
        """Return the device's label, what the monitor is, and whether it is pretty.

        Raises:
            ChardevError: If the option doesn't say so, in QEMU's words.
        """
        if self.mode not in (None, "readline", "control"):
            raise ChardevError(qemu_texts.not_accepted("mode", self.mode))
        if self.chardev is None:
            raise ChardevError(qemu_texts.missing("chardev"))
        mode: Mode = "control" if self.mode == "control" else "readline"
        return self.chardev, mode, bool(self.is_pretty)


def parse_mon(
    option: str, argument: str, taken: Collection[str]
) -> tuple[MonitorOption, list[str]]:
    """Read the argument of ``-mon``.

    Args:
        option: The option as it was spelled.
        argument: Its argument.
        taken: Ids of other monitors.

    Returns:
        What it says, and what QEMU warns of.

    Raises:
        ChardevError: If it can't be read, in QEMU's words.
        StartHelp: If it asks for its parameters.
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
        with behind_warnings(warnings):
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
    """Read the argument of ``-qmp``, ``-qmp-pretty`` or ``-monitor``.

    Args:
        option: The option as it was spelled.
        argument: Its argument.
        mode: What the option makes.
        is_pretty: Whether it writes over many lines.
        number: How many such options stood before.
        devices: The labels of other devices.
        monitors: Ids of other monitors.

    Returns:
        The device, None if it is another option's; and the monitor.

    Raises:
        ChardevError: If it can't be read, in QEMU's words.
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
