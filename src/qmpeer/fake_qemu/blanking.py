"""Command lines without their secrets."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from qmpeer.messages import redact_arguments
from qmpeer.messages.redaction import REDACTED, redact_text

_COMMANDS: Final = {
    "blockdev": "blockdev-add",
    "device": "device_add",
    "netdev": "netdev_add",
    "object": "object-add",
}
"""The commands whose arguments these options have."""
_PAIR: Final = re.compile(r"([^,=]+)=((?:[^,]|,,)*)")


def blanked_words(words: Sequence[str]) -> Iterator[str]:
    """Give the words of a command line with their secrets redacted.

    Example:
        >>> list(blanked_words(["-object", "secret,id=s0,data=swordfish"]))
        ['-object', 'secret,id=s0,data=<redacted>']
    """
    option = ""
    for word in words:
        yield _blanked(option, word)
        option = word.lstrip("-") if word.startswith("-") else ""


def _blanked(option: str, word: str) -> str:
    if word.startswith("{"):
        return _blanked_json(option, word)
    if option != "object":
        return redact_text(word)
    kind = word.partition(",")[0]
    values = {found[1]: found[2] for found in _PAIR.finditer(word)}
    shown = redact_arguments("object-add", {"qom-type": kind, **values}) or {}

    def blank(found: re.Match[str]) -> str:
        return f"{found[1]}={shown[found[1]]}"

    return redact_text(_PAIR.sub(blank, word))


def _blanked_json(option: str, word: str) -> str:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        # QEMU refuses it, too; where it has secrets can't be known.
        return REDACTED if option == "object" else redact_text(word)
    shown = redact_arguments(_COMMANDS.get(option, "object-add"), value)
    return word if shown is value else json.dumps(shown)
