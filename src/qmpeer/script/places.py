"""The place in a program at which a rule of a script was added."""

import os
import sys
from typing import Final

from qmpeer.toml.place import Place

_OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def calling_place() -> Place:
    """Return the line of the program that called this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return Place(_short(frame.f_code.co_filename), frame.f_lineno)


def _short(file: str) -> str:
    below = os.path.join(os.getcwd(), "")
    return file.removeprefix(below)
