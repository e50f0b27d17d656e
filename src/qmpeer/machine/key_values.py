"""QEMU's ``key=value,key=value`` syntax for one option's argument.

A comma in a value is written twice. A key without a value is a flag: ``server`` is ``server=on``,
``nowait`` is ``wait=off``. The first part may leave out its key when the option implies one:
``-name vm0`` is ``-name guest=vm0``.

Spec: QEMU's option syntax. A value that leaves out its key ends at a comma, but an ``=`` before
that comma makes a key of what stands before it; ``path=…`` in full takes any path.
"""

from typing import Final

from qmpeer.values import JsonObject
from qmpeer.wire import ServerReader

_ON: Final = frozenset({"on", "yes", "true", "y"})
_OFF: Final = frozenset({"off", "no", "false", "n"})


def split_key_values(text: str, *, implied_key: str | None = None) -> list[tuple[str, str]]:
    """Split an argument into its keys and values, in order, repeated ones included.

    Args:
        text: The argument as it stood on the command line.
        implied_key: The key of the first part where it has none.

    Example:
        >>> split_key_values("/run/a,,b,server,nowait", implied_key="path")
        [('path', '/run/a,b'), ('server', 'on'), ('wait', 'off')]
    """
    pairs: list[tuple[str, str]] = []
    rest = text
    while rest:
        key_end = _first_of(rest, "=,")
        if rest[key_end : key_end + 1] == "=":
            key = rest[:key_end]
            value, rest = _take_value(rest[key_end + 1 :])
        elif implied_key is not None and not pairs:
            key = implied_key
            value, rest = _take_value(rest)
        else:
            key, value = _flag(rest[:key_end])
            rest = rest[key_end + 1 :]
        pairs.append((key, value))
    return pairs


def read_structured(text: str) -> JsonObject:
    """Read the argument of an option that QEMU declares in QAPI: an object in JSON, or key=value.

    Spec: there are no flags in this syntax; the last of a repeated key counts.

    Raises:
        ValueError: If it is neither, in QEMU's words.

    Example:
        >>> read_structured("deprecated-input=reject"), read_structured('{"id": "a"}')
        ({'deprecated-input': 'reject'}, {'id': 'a'})
    """
    if text.startswith("{"):
        value, *_ = (*ServerReader().receive_data(f"{text}\n".encode()), None)
        if isinstance(value, dict):
            return value
        raise ValueError(str(value or "JSON parse error, unexpected end of input"))
    pairs: JsonObject = {}
    rest = text
    while rest:
        key_end = _first_of(rest, "=,")
        key = rest[:key_end]
        if rest[key_end : key_end + 1] != "=":
            raise ValueError(f"Expected '=' after parameter '{key}'")
        pairs[key], rest = _take_value(rest[key_end + 1 :])
    return pairs


def read_boolean(key: str, value: str) -> bool:
    """Read the value of a boolean key.

    Raises:
        ValueError: If it is none, in QEMU's words.
    """
    if value in _ON:
        return True
    if value in _OFF:
        return False
    raise ValueError(f"Parameter '{key}' expects 'on' or 'off'")


def _first_of(text: str, characters: str) -> int:
    return min((at for c in characters if (at := text.find(c)) >= 0), default=len(text))


def _take_value(text: str) -> tuple[str, str]:
    """Take a value up to its single comma; give it and what follows that comma."""
    at = 0
    while (at := text.find(",", at)) >= 0:
        if text[at + 1 : at + 2] != ",":
            return text[:at].replace(",,", ","), text[at + 1 :]
        at += 2
    return text.replace(",,", ","), ""


def _flag(name: str) -> tuple[str, str]:
    return (name[2:], "off") if name.startswith("no") else (name, "on")
