"""QEMU's error texts about a client's input, each defined once.

Users know these texts, and programs match on them. The JSON reader has its own (`qmpeer.wire`). A
text used in only one place is defined there.

Spec: QEMU 7.2, measured.
"""

from typing import Final

PROMPT: Final = "(qemu) "
"""The prompt of a human monitor."""
CANCELED: Final = "Operation canceled"
"""The error of a cancelled job: strerror(ECANCELED)."""


def missing(name: str) -> str:
    """Return the error for a missing mandatory argument."""
    return f"Parameter '{name}' is missing"


def unexpected(name: str) -> str:
    """Return the error for an unknown argument."""
    return f"Parameter '{name}' is unexpected"


def wrong_type(name: str, expected: str) -> str:
    """Return the error for an argument of the wrong JSON type."""
    return f"Invalid parameter type for '{name}', expected: {expected}"


def not_accepted(name: str, value: object) -> str:
    """Return the error for a value that isn't one of the possible ones."""
    return f"Parameter '{name}' does not accept value '{value}'"


def expects(name: str, what: str) -> str:
    """Return the error for a value of the wrong form."""
    return f"Parameter '{name}' expects {what}"


def disabled(item: str) -> str:
    """Return the error for an item that policy refuses, such as "Deprecated parameter x"."""
    return f"{item} disabled by policy"


def invalid(name: str) -> str:
    """Return the error for an unknown key of a command-line option."""
    return f"Invalid parameter '{name}'"


def no_oob(name: str) -> str:
    """Return the error for a command that can't be executed out of band."""
    return f"The command {name} does not support OOB"


def unknown_command(name: str) -> str:
    """Return the error for an unknown command."""
    return f"The command {name} has not been found"


def unknown_device(name: str) -> str:
    """Return the error for an unknown device."""
    return f"Device '{name}' not found"
