"""QEMU's sentences about what a client sent, each once.

Clients and their users know these texts, and programs match on them. The reader of JSON has its
own (`qmpeer.wire`), and a text that is said in one place only stands there.

Spec: QEMU 7.2, measured.
"""


def missing(name: str) -> str:
    """Return what is said of an argument that must be there and isn't."""
    return f"Parameter '{name}' is missing"


def unexpected(name: str) -> str:
    """Return what is said of an argument that nobody takes."""
    return f"Parameter '{name}' is unexpected"


def wrong_type(name: str, expected: str) -> str:
    """Return what is said of an argument that has another JSON type."""
    return f"Invalid parameter type for '{name}', expected: {expected}"


def not_accepted(name: str, value: object) -> str:
    """Return what is said of a value that isn't one of those that there are."""
    return f"Parameter '{name}' does not accept value '{value}'"


def expects(name: str, what: str) -> str:
    """Return what is said of a value that is not of the form that it must have."""
    return f"Parameter '{name}' expects {what}"


def disabled(what: str) -> str:
    """Return what is said of something that policy refuses, such as "Deprecated parameter x"."""
    return f"{what} disabled by policy"


def invalid(name: str) -> str:
    """Return what is said of a key that an option of the command line doesn't have."""
    return f"Invalid parameter '{name}'"


def unknown_command(name: str) -> str:
    """Return what is said of a command that isn't there."""
    return f"The command {name} has not been found"


def unknown_device(name: str) -> str:
    """Return what is said of a device that isn't there."""
    return f"Device '{name}' not found"
