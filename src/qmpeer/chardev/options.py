"""The argument of ``-chardev``: its keys, their types, and the device that they describe.

QEMU reads such an option in two steps, and so do we, because the errors of all first steps come
before those of the second ones: parse_chardev() takes the text apart and knows which keys there
are; Description.backend() makes of them what ``chardev-add`` takes.
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
"""The keys that ``-chardev`` knows and their types, in QEMU's order."""
_TYPES_IN_HELP: Final = {"string": "str", "boolean": "bool (on/off)", "number": "num"}
_HELP_WORDS: Final = frozenset({"help", "?"})

OptionValue = str | bool | int
"""What a key's text has been read as."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What an option says of a character device, before there is one.

    Attributes:
        label: Its id; None if there is none, which backend() complains about.
        values: The keys with their values; the last of a repeated key counts.
        warnings: What QEMU warns of, in its words.
        help: What is to be printed instead of making a device; "" if nothing.
        help_status: The exit status that goes with the help.
        is_reference: It names a device that is there already (``chardev:ID``).
    """

    label: str | None
    values: Mapping[str, OptionValue] = {}
    warnings: tuple[str, ...] = ()
    help: str = ""
    help_status: int = 0
    is_reference: bool = False

    @property
    def is_mux(self) -> bool:
        """Whether several may share it: a mux stands before the device then."""
        return self.values.get("mux") is True

    def backend(self) -> JsonObject:
        """Return the device as ``chardev-add`` takes it, of QAPI's type ChardevBackend.

        Raises:
            ChardevError: If it describes none, in QEMU's words.
        """
        if self.label is None:
            raise ChardevError("chardev: no id specified")
        return backend_of(self.label, self.values)


def parse_chardev(text: str, taken: Collection[str] = ()) -> Description:
    """Read the argument of ``-chardev``.

    Args:
        text: The argument.
        taken: Ids that were given before.

    Raises:
        ChardevError: If it can't be read, in QEMU's words.

    Example:
        >>> mine = parse_chardev("socket,id=mon1,host=localhost,port=4444,server=on,wait=off")
        >>> mine.label, mine.backend()["type"]
        ('mon1', 'socket')
    """
    # QEMU looks for the id before it knows that the first part may leave out its key.
    label = next((pair.value for pair in parse_key_values(text) if pair.key == "id"), None)
    if label is not None:
        check_new_id(label, taken)
    pairs = parse_key_values(text, implied_key="backend")
    asks = next((at for at, pair in enumerate(pairs) if pair.flag in _HELP_WORDS), None)
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
    """Refuse a label that is no identifier, or is taken.

    Raises:
        ChardevError: In QEMU's words.
    """
    check_id(label)
    if label in taken:
        raise ChardevError(f"Duplicate ID '{label}' for chardev")


def read_values(pairs: Collection[KeyValue]) -> dict[str, OptionValue]:
    """Read the values by the types of their keys.

    Raises:
        ChardevError: At the first one that doesn't fit, in QEMU's words.
    """
    return {key: _read_value(key, value) for key, value, _ in pairs if key != "id"}


def _read_warning(
    pairs: Collection[KeyValue],
) -> tuple[dict[str, OptionValue], tuple[str, ...]]:
    """Read the values, and collect the warnings that stand before the first error."""
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
    """Write for people which keys an option knows, by their types."""
    lines = (
        f"  {key}=<{_TYPES_IN_HELP.get(kind, kind)}>\n" for key, kind in sorted(parameters.items())
    )
    return f"{option} options:\n{''.join(lines)}"
