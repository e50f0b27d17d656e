"""The audit that a policy's file asks for."""

from typing import Final, Literal

import msgspec

from qmpeer.toml.items import Item

_KEYS: Final = ("mode", "file", "fsync", "key", "head", "every", "size", "keep")
_FSYNC: Final = '"off", "command" or seconds'


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of an audit; None stands for the default of the audit.

    Attributes:
        mode: "strict" to refuse commands that can't be recorded, "best-effort" to let them pass.
        file: The file of the record.
        fsync: "off", "command", or the seconds after which the record is on the disk.
        key: The file with the key of its digests.
        head: Where its head is sent: "syslog", "journal", or a file.
        every: The lines after which the head is sent.
        size: The bytes of one file of the record.
        keep: The older files that are kept.
    """

    mode: Literal["strict", "best-effort"] = "strict"
    file: str | None = None
    fsync: Literal["off", "command"] | float = "off"
    key: str | None = None
    head: str | None = None
    every: int | None = None
    size: int | None = None
    keep: int | None = None


def read_audit(item: Item) -> AuditSettings:
    """Read the key ``audit``: a mode, or a table.

    Raises:
        PolicyError: If it is wrong.
    """
    if isinstance(item.value, str):
        return AuditSettings(mode=_mode(item))
    keys = item.table(_KEYS)
    fsync: Literal["off", "command"] | float = "off"
    if "fsync" in keys:
        fsync = _fsync(keys["fsync"])
    return AuditSettings(
        mode=_mode(keys["mode"]) if "mode" in keys else "strict",
        fsync=fsync,
        file=_text(keys.get("file")),
        key=_text(keys.get("key")),
        head=_text(keys.get("head")),
        every=_number(keys.get("every"), 1),
        size=_number(keys.get("size"), 1),
        keep=_number(keys.get("keep"), 0),
    )


def _text(item: Item | None) -> str | None:
    return None if item is None else item.text()


def _number(item: Item | None, least: int) -> int | None:
    return None if item is None else item.integer(least)


def _mode(item: Item) -> Literal["strict", "best-effort"]:
    return "strict" if item.text("strict", "best-effort") == "strict" else "best-effort"


def _fsync(item: Item) -> Literal["off", "command"] | float:
    if isinstance(item.value, str):
        return "off" if item.text("off", "command") == "off" else "command"
    seconds = item.value
    if type(seconds) not in (int, float) or not 0 < seconds < float("inf"):
        raise item.wrong(_FSYNC)
    return float(seconds)
