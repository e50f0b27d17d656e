"""The arguments of qmp_capabilities.

Spec: qmp-spec, "Capabilities Negotiation".
"""

from collections.abc import Collection

from qmpeer.messages import CAPABILITIES, qemu_texts, unexpected_member
from qmpeer.values import JsonObject


def read_enable(arguments: JsonObject, offered: Collection[str]) -> tuple[list[str], str | None]:
    """Return the requested capabilities and None, or [] and QEMU's error text.

    A server may offer a capability that is newer than `CAPABILITIES`.
    """
    names = arguments.get("enable", [])
    if not isinstance(names, list):
        return [], qemu_texts.wrong_type("enable", "array")
    enabled: list[str] = []
    for index, name in enumerate(names):
        if not isinstance(name, str):
            return [], qemu_texts.wrong_type(f"enable[{index}]", "string")
        if name not in CAPABILITIES and name not in offered:  # QEMU names a list's element "null"
            return [], qemu_texts.not_accepted("null", name)
        enabled.append(name)
    read = ["enable"] if "enable" in arguments else []
    if len(arguments) > len(read):
        name = unexpected_member(list(arguments), read)
        return [], qemu_texts.unexpected(name)
    return enabled, None
