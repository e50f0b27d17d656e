"""The header of an image: the other files that it names.

Spec: QEMU, docs/interop/qcow2.txt and qed_spec.txt.
"""

import struct
from typing import Final

PLAIN_FORMATS: Final = frozenset({"raw", "luks", "vdi", "vhdx", "vpc", "parallels"})
"""Formats whose images name no other file."""
HEAD_SIZE: Final = 80
"""Bytes at the beginning of an image that are looked at."""

_QCOW_HEAD: Final = struct.Struct(">4sIQ")
_QCOW_FEATURES: Final = struct.Struct(">Q")
_QCOW_FEATURES_AT: Final = 72
_DATA_FILE: Final = 1 << 2
_QED_HEAD: Final = struct.Struct("<4sIIIQ")
_QED_BACKING: Final = 1


def names_files(head: bytes, driver: str) -> str | None:
    r"""Return what an image with these first bytes names beside itself; None for nothing.

    Args:
        head: At least its first `HEAD_SIZE` bytes, if it has so many.
        driver: The driver that is to read it.

    Example:
        >>> version_3 = b"QFI\xfb\0\0\0\3"
        >>> names_files(version_3 + b"\0\0\0\0\0\0\0\x68" + bytes(64), "qcow2")
        'a backing file'
    """
    if driver == "qed":
        magic, *_, features = _QED_HEAD.unpack(head[: _QED_HEAD.size].ljust(_QED_HEAD.size, b"\0"))
        is_backed = magic == b"QED\0" and features & _QED_BACKING
        return "a backing file" if is_backed else None
    magic, version, backing = _QCOW_HEAD.unpack(head[: _QCOW_HEAD.size].ljust(16, b"\0"))
    if magic != b"QFI\xfb":
        return None  # the driver refuses it
    if backing:
        return "a backing file"
    return "a data file" if _has_data_file(head, version) else None


def names_data_file(head: bytes) -> bool:
    """Return whether a qcow2 image with these first bytes names a file for its data."""
    magic, version, _ = _QCOW_HEAD.unpack(head[: _QCOW_HEAD.size].ljust(16, b"\0"))
    return magic == b"QFI\xfb" and _has_data_file(head, version)


def _has_data_file(head: bytes, version: int) -> bool:
    end = _QCOW_FEATURES_AT + _QCOW_FEATURES.size
    features = head[_QCOW_FEATURES_AT:end].ljust(_QCOW_FEATURES.size, b"\0")
    return version >= 3 and bool(_QCOW_FEATURES.unpack(features)[0] & _DATA_FILE)
