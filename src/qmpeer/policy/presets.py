"""The presets: policies that people can use by name, or copy."""

import errno
import os
from pathlib import Path
from typing import Final

from qmpeer.policy.mistakes import did_you_mean

_FOLDER: Final = Path(__file__).with_name("preset_files")
PRESETS: Final = ("read-only", "monitoring", "backup", "operator")
"""The presets, from the narrowest use on."""


def preset_path(name: str) -> str:
    """Return the file of a preset."""
    return str(_FOLDER / f"{name}.toml")


def named_policy(name: str) -> str:
    """Return the file of the policy that a user names: a preset, or a file.

    Raises:
        FileNotFoundError: If a name without a folder and without ``.toml`` is neither.
    """
    if name in PRESETS:
        return preset_path(name)
    if os.sep in name or name.endswith(".toml") or os.path.lexists(name):
        return name
    expected = f"expected a file, or one of {', '.join(PRESETS)}{did_you_mean(name, PRESETS)}"
    raise FileNotFoundError(errno.ENOENT, f"found neither a file nor a preset, {expected}")


def preset_text(name: str) -> str:
    """Return the text of a preset."""
    return (_FOLDER / f"{name}.toml").read_text("utf-8")
