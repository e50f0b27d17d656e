"""The presets: policies that people can use by name, or copy."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("preset_files")
PRESETS: Final = ("read-only", "monitoring", "backup", "operator")
"""The presets, from the narrowest use on."""


def preset_path(name: str) -> str:
    """Return the file of a preset."""
    return str(_FOLDER / f"{name}.toml")


def preset_text(name: str) -> str:
    """Return the text of a preset."""
    return (_FOLDER / f"{name}.toml").read_text("utf-8")
