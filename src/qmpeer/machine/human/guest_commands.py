"""The human commands about the guest: its run state, its keys and its screen."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from qmpeer.machine.machine import Machine
from qmpeer.messages import qemu_texts
from qmpeer.monitor.human import Completions

WATCHDOG_ACTIONS: Final = ("reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi")
_SCREEN_FORMATS: Final = ("png", "ppm")
_KEY_WORDS: Final = (
    "unmapped shift shift_r alt alt_r ctrl ctrl_r menu esc 1 2 3 4 5 6 7 8 9 0 minus equal"
    " backspace tab q w e r t y u i o p bracket_left bracket_right ret a s d f g h j k l"
    " semicolon apostrophe grave_accent backslash z x c v b n m comma dot slash asterisk spc"
    " caps_lock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 num_lock scroll_lock kp_divide kp_multiply"
    " kp_subtract kp_add kp_enter kp_decimal sysrq kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8"
    " kp_9 less f11 f12 print home pgup pgdn end left up down right insert delete stop again"
    " props undo front copy open paste find cut lf help meta_l meta_r compose pause ro hiragana"
    " henkan yen muhenkan katakanahiragana kp_comma kp_equals power sleep wake audionext"
    " audioprev audiostop audioplay audiomute volumeup volumedown mediaselect mail calculator"
    " computer ac_home ac_back ac_forward ac_refresh ac_bookmarks lang1 lang2"
)
_KEYS: Final = tuple(_KEY_WORDS.split())
_KEY_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+")


def guest_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""

    def info_status() -> str:
        status = machine.query_status()
        text = "running" if status["running"] else "paused"
        single = " (single step mode)" if status["singlestep"] else ""
        state = (
            "" if status["running"] or status["status"] == "paused" else f" ({status['status']})"
        )
        return f"VM status: {text}{single}{state}"

    def singlestep(option: str | None) -> str:
        if option not in (None, "on", "off"):
            return f"unexpected option {option}"
        machine.is_singlestep = option != "off"
        return ""

    def info_kvm() -> str:
        kvm = machine.query_kvm()
        enabled = "enabled" if kvm["enabled"] else "disabled"
        return f"kvm support: {enabled if kvm['present'] else 'not compiled'}"

    return {
        "stop": machine.stop,
        "cont": machine.cont,
        "quit": machine.quit,
        "system_reset": machine.system_reset,
        "system_powerdown": machine.system_powerdown,
        "singlestep": singlestep,
        "sendkey": _sendkey,
        "screendump": _screendump,
        "watchdog_action": _watchdog_action,
        "gdbserver": _gdbserver,
        "set_password": _set_password,
        "expire_password": _expire_password,
        "client_migrate_info": _client_migrate_info,
        "info status": info_status,
        "info kvm": info_kvm,
        "info name": lambda: machine.query_name().get("name", ""),
        "info uuid": lambda: machine.query_uuid()["UUID"],
        "info version": lambda: _version(machine),
    }


def _version(machine: Machine) -> str:
    """Format the version as QEMU does, with nothing between the number and the package."""
    version = machine.monitor.version
    number = version.qemu
    return f"{number.major}.{number.minor}.{number.micro}{version.package}"


# Keys


def key_names(words: Sequence[str]) -> Completions:
    """Complete the last key in the argument of ``sendkey``, such as ``ctrl-alt-de``."""
    if len(words) != 2:
        return Completions(0, [])
    typed = words[1].rpartition("-")[2]
    return Completions(len(typed), [key for key in _KEYS if key.startswith(typed)])


def _sendkey(keys: str, **rest: Any) -> str:
    """Check the names or numbers of the keys; there is no guest to receive them."""
    for key in keys.split("-"):
        name = "less" if key == "<" else key
        if name not in _KEYS and not _KEY_NUMBER.fullmatch(name):
            return f"invalid parameter: {key}"
    return ""


# The screen, and remote access to it


def _screendump(device: str | None, format: str | None = None, **rest: Any) -> str:
    if format is not None and format not in _SCREEN_FORMATS:
        return f"Error: invalid parameter value: {format}"
    if device is not None:
        return f"Error: {qemu_texts.unknown_device(device)}"
    return "Error: There is no console to take a screendump from"


def _set_password(protocol: str, connected: str | None, **rest: Any) -> str:
    if connected not in (None, "keep", "fail", "disconnect"):
        return f"Error: invalid parameter value: {connected}"
    if protocol == "vnc" and connected not in (None, "keep"):
        return "Error: Invalid parameter 'connected'"
    return _without_screen(protocol, "Could not set password")


def _expire_password(protocol: str, **rest: Any) -> str:
    return _without_screen(protocol, "Could not set password expire time")


def _without_screen(protocol: str, refusal: str) -> str:
    refusals = {"vnc": refusal, "spice": "SPICE is not in use"}
    return f"Error: {refusals.get(protocol, f'invalid parameter value: {protocol}')}"


def _client_migrate_info(protocol: str, **rest: Any) -> str:
    if protocol != "spice":
        return "Error: Parameter 'protocol' expects 'spice'"
    return "Error: SPICE is not in use"


def _watchdog_action(action: str) -> str:
    return "" if action in WATCHDOG_ACTIONS else f"Error: invalid parameter value: {action}"


def _gdbserver(device: str | None) -> str:
    where = "tcp::1234" if device is None else device
    return (
        "gdbstub: meaningless to attach gdb to a machine without any CPU.\n"
        f"Could not open gdbserver on device '{where}'"
    )
