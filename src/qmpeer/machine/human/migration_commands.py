"""The human commands about migration. Capabilities can be set, but nothing can migrate."""

from collections.abc import Callable
from typing import Any, Final

from qmpeer.machine.machine import Machine

_CAPABILITY_WORDS: Final = (
    "xbzrle rdma-pin-all auto-converge zero-blocks compress events postcopy-ram x-colo"
    " release-ram block return-path pause-before-switchover multifd dirty-bitmaps"
    " postcopy-blocktime late-block-activate x-ignore-shared validate-uuid"
    " background-snapshot zero-copy-send postcopy-preempt"
)
_STATE_WORDS: Final = (
    "none setup cancelling cancelled active postcopy-active postcopy-paused postcopy-recover"
    " completed failed colo pre-switchover device wait-unplug"
)
CAPABILITIES: Final = tuple(_CAPABILITY_WORDS.split())
_STATES: Final = tuple(_STATE_WORDS.split())
PARAMETERS: Final = {
    "announce-initial": "50 ms",
    "announce-max": "550 ms",
    "announce-rounds": "5",
    "announce-step": "100 ms",
    "compress-level": "1",
    "compress-threads": "8",
    "compress-wait-thread": "on",
    "decompress-threads": "2",
    "throttle-trigger-threshold": "50",
    "cpu-throttle-initial": "20",
    "cpu-throttle-increment": "10",
    "cpu-throttle-tailslow": "off",
    "max-cpu-throttle": "99",
    "tls-creds": "''",
    "tls-hostname": "''",
    "max-bandwidth": "134217728 bytes/second",
    "downtime-limit": "300 ms",
    "x-checkpoint-delay": "20000 ms",
    "block-incremental": "off",
    "multifd-channels": "2",
    "multifd-compression": "none",
    "xbzrle-cache-size": "67108864 bytes",
    "max-postcopy-bandwidth": "0",
    "tls-authz": "''",
}
_SCHEMES: Final = ("tcp:", "rdma:", "exec:", "unix:", "fd:", "vsock:")
_GLOBALS: Final = """\
globals:
store-global-state: on
only-migratable: off
send-configuration: on
send-section-footer: on
decompress-error-check: on
clear-bitmap-shift: 18
"""


def migration_commands(machine: Machine) -> dict[str, Callable[..., Any]]:
    """Return the handlers by their names, those of ``info`` as two words."""
    capabilities = dict.fromkeys(CAPABILITIES, False)

    def set_capability(capability: str, state: bool) -> str:
        if capability not in capabilities:
            return f"Error: invalid parameter value: {capability}"
        capabilities[capability] = state
        return ""

    def info_capabilities() -> str:
        states = capabilities.items()
        return "".join(f"{name}: {'on' if state else 'off'}\n" for name, state in states)

    return {
        "migrate": _migrate,
        "migrate_continue": _continue,
        "migrate_pause": machine.migrate_pause,
        "migrate_set_capability": set_capability,
        "migrate_set_parameter": _set_parameter,
        "info migrate": lambda: _GLOBALS,
        "info migrate_capabilities": info_capabilities,
        "info migrate_parameters": lambda: "".join(
            f"{name}: {value}\n" for name, value in PARAMETERS.items()
        ),
    }


def _migrate(resume: bool, uri: str, **rest: Any) -> str:
    if resume:
        return "Error: Cannot resume if there is no paused migration"
    if not uri.startswith(_SCHEMES):
        return "Error: Parameter 'uri' expects a valid migration protocol"
    return "Error: this machine has no guest that could migrate"


def _continue(state: str) -> str:
    if state not in _STATES:
        return f"Error: invalid parameter value: {state}"
    return "Error: Migration not in expected state: none"


def _set_parameter(parameter: str, value: str) -> str:
    if parameter not in PARAMETERS:
        return f"Error: invalid parameter value: {parameter}"
    return "Error: this machine has no guest that could migrate"
