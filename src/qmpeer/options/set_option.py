"""The option ``-set GROUP.ID.KEY=VALUE``, which adds a key to an earlier option.

Spec: QEMU 7.2. Here only devices and monitors have ids, so in any other group no id is found.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from qmpeer.chardev import Description
from qmpeer.chardev.key_values import KeyValue, read_boolean, size_warning
from qmpeer.chardev.options import PARAMETERS, read_values
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.options.monitor_options import MON_PARAMETERS, MonitorOption

_SETTING: Final = re.compile(
    r"(?P<group>[^.]{1,63})\.(?P<id>[^.]{1,63})\.(?P<key>[^=]{1,63})=(?P<value>.*)", re.DOTALL
)
_GROUP_WORDS: Final = (
    "iscsi sandbox virtfs fsdev smbios acpi vnc action fw_cfg icount numa name msg overcommit"
    " tpmdev add-fd memory accel option-rom plugin trace mon global rtc net nic netdev device"
    " chardev drive"
)
_GROUPS: Final = frozenset(_GROUP_WORDS.split())
_OTHERS: Final = frozenset({"object", "machine", "smp-opts", "boot-opts"})


class Setting(NamedTuple):
    """The four parts of a ``-set`` option's argument."""

    group: str
    id: str
    key: str
    value: str


def parse_set(argument: str) -> Setting:
    """Parse the argument of ``-set``.

    Raises:
        ChardevError: If it is malformed, or there is no such group, in QEMU's words.

    Example:
        >>> parse_set("chardev.mon0.wait=off")
        Setting(group='chardev', id='mon0', key='wait', value='off')
    """
    found = _SETTING.fullmatch(argument)
    if found is None:
        raise ChardevError(f'can\'t parse: "{argument}"')
    setting = Setting(**found.groupdict())
    if setting.group in _OTHERS:
        raise ChardevError(f"-set is not supported with {setting.group}")
    if setting.group not in _GROUPS:
        raise ChardevError(f"There is no option group '{setting.group}'")
    return setting


def set_in_chardev(description: Description, setting: Setting) -> tuple[Description, Sequence[str]]:
    """Return a device's description with one more key, and QEMU's warnings.

    Raises:
        ChardevError: If the key or its value is wrong, in QEMU's words.
    """
    _check_key(PARAMETERS, setting)
    values = {**description.values, **read_values([KeyValue(setting.key, setting.value)])}
    is_size = PARAMETERS[setting.key] == "size"
    warning = size_warning(setting.value) if is_size else None
    warnings = () if warning is None else (warning,)
    return msgspec.structs.replace(description, values=values), warnings


def set_in_monitor(monitor: MonitorOption, setting: Setting) -> MonitorOption:
    """Return a monitor's option with one more key.

    Raises:
        ChardevError: If the key or its value is wrong, in QEMU's words.
    """
    _check_key(MON_PARAMETERS, setting)
    if setting.key == "pretty":
        is_pretty = read_boolean(setting.key, setting.value)
        return msgspec.structs.replace(monitor, is_pretty=is_pretty)
    return msgspec.structs.replace(monitor, **{setting.key: setting.value})


def _check_key(parameters: Mapping[str, str], setting: Setting) -> None:
    if setting.key not in parameters:
        raise ChardevError(qemu_texts.invalid(setting.key))
