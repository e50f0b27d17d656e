"""The argument of ``-chardev``: its keys, their types, and the device that they describe.

QEMU reads such options in two steps: it parses all of them before it makes the first device. So do
we, to find errors in the same order. parse_chardev() splits the text and checks keys and types;
Description.backend() translates the keys to the JSON of ``chardev-add``.
"""

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from qmpeer.chardev.backends import BACKENDS, alias_warning, backend_of
from qmpeer.chardev.key_values import (
    KeyValue,
    check_id,
    parse_key_values,
    read_boolean,
    read_number,
    read_size,
    size_warning,
)
from qmpeer.errors import ChardevError
from qmpeer.messages import qemu_texts
from qmpeer.values import JsonObject

_TYPES: Final = {"s": "string", "b": "boolean", "n": "number", "z": "size"}
_PARAMETERS: Final = (
    "backend:s path:s host:s port:s fd:s localaddr:s localport:s to:n ipv4:b ipv6:b wait:b server:b"
    " delay:b nodelay:b reconnect:n telnet:b tn3270:b tls-creds:s tls-authz:s websocket:b width:n"
    " height:n cols:n rows:n mux:b signal:b name:s debug:n size:z chardev:s append:b logfile:s"
    " logappend:b mouse:b clipboard:b tight:b abstract:b"
)
PARAMETERS: Final[Mapping[str, str]] = {
    name: _TYPES[kind] for name, kind in (word.split(":") for word in _PARAMETERS.split())
}
"""The keys of ``-chardev`` and their types, in QEMU's order."""
_TYPES_IN_HELP: Final = {"string": "str", "boolean": "bool (on/off)", "number": "num"}
_HELP_WORDS: Final = frozenset({"help", "?"})

OptionValue = str | bool | int
"""The parsed value of a key."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a character device by an option.

    Attributes:
        label: Its id, or None; backend() refuses a description without an id.
        values: The keys with their values; the last of a repeated key counts.
        warnings: QEMU's warnings.
        help: The help text to print instead of making a device, or "".
        help_status: The program's exit status after the help.
        is_reference: True if it names an existing device (``chardev:ID``).
    """

    label: str | None
    values: Mapping[str, OptionValue] = {}
    warnings: tuple[str, ...] = ()
    help: str = ""
    help_status: int = 0
    is_reference: bool = False

    @property
    def is_mux(self) -> bool:
        """True if several front ends may share it, through a mux before the device."""
        return self.values.get("mux") is True

    def backend(self) -> JsonObject:
        """Return the device as an argument of ``chardev-add``, of QAPI's type ChardevBackend.

        Raises:
            ChardevError: If the description is invalid, in QEMU's words.
        """
        if self.label is None:
            raise ChardevError("chardev: no id specified")
        return backend_of(self.label, self.values)


def parse_chardev(text: str, taken: Collection[str] = ()) -> Description:
    """Parse the argument of ``-chardev``.

    Args:
        text: The argument.
        taken: Ids that are in use.

    Raises:
        ChardevError: If it can't be parsed, in QEMU's words.

    Example:
        >>> mine = parse_chardev("socket,id=mon1,host=localhost,port=4444,server=on,wait=off")
        >>> mine.label, mine.backend()["type"]
        ('mon1', 'socket')
    """
    # QEMU searches the id first, without regard to the key that the first part may omit.
    label = next((pair.value for pair in parse_key_values(text) if pair.key == "id"), None)
    if label is not None:
        check_new_id(label, taken)
    pairs = parse_key_values(text, implied_key="backend")
    asks = next((at for at, pair in enumerate(pairs) if pair.flag in _HELP_WORDS), None)
    # As in QEMU, only the keys before the word for help are parsed.
    values, warnings = _read_warning(pairs[:asks])
    if asks is not None:
        text = parameters_help("chardev", PARAMETERS)
        return Description(label=label, warnings=warnings, help=text, help_status=1)
    if values.get("backend") in _HELP_WORDS:
        return Description(label=label, warnings=warnings, help=_backends_help())
    if (alias := alias_warning(values)) is not None:
        warnings = (*warnings, alias)
    return Description(label=label, values=values, warnings=warnings)


def check_new_id(label: str, taken: Collection[str]) -> None:
    """Refuse a label that isn't a valid identifier or is taken.

    Raises:
        ChardevError: In QEMU's words.
    """
    check_id(label)
    if label in taken:
        raise ChardevError(f"Duplicate ID '{label}' for chardev")


def read_values(pairs: Collection[KeyValue]) -> dict[str, OptionValue]:
    """Parse the values by the types of their keys.

    Raises:
        ChardevError: At the first invalid value, in QEMU's words.
    """
    return {key: _read_value(key, value) for key, value, _ in pairs if key != "id"}


def _read_warning(
    pairs: Collection[KeyValue],
) -> tuple[dict[str, OptionValue], tuple[str, ...]]:
    """Parse the values, and collect the warnings that QEMU prints before the first error."""
    values: dict[str, OptionValue] = {}
    warnings: list[str] = []
    for pair in pairs:
        if pair.warning is not None:
            warnings.append(pair.warning)
        if PARAMETERS.get(pair.key) == "size" and (warning := size_warning(pair.value)) is not None:
            warnings.append(warning)
        try:
            values.update(read_values([pair]))
        except ChardevError as error:
            earlier = (f"warning: {warning}" for warning in warnings)
            raise ChardevError(error.reason, error.hint, tuple(earlier)) from None
    return values, tuple(warnings)


def _read_value(key: str, value: str) -> OptionValue:
    match PARAMETERS.get(key):
        case "string":
            return value
        case "boolean":
            return read_boolean(key, value)
        case "number":
            return read_number(key, value)
        case "size":
            return read_size(key, value)
    raise ChardevError(qemu_texts.invalid(key))


def _backends_help() -> str:
    return "Available chardev backend types: \n" + "".join(f"  {name}\n" for name in BACKENDS)


def parameters_help(option: str, parameters: Mapping[str, str]) -> str:
    """Return the help for an option: its keys with their types."""
    lines = (
        f"  {key}=<{_TYPES_IN_HELP.get(kind, kind)}>\n" for key, kind in sorted(parameters.items())
    )
    return f"{option} options:\n{''.join(lines)}"
