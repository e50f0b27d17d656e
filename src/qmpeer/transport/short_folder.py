"""New folders for unix sockets, with paths that are short enough for every system."""

import os
import tempfile
from typing import Final

from qmpeer import limits

_PREFIX: Final = "qmpeer-"
_SHORT: Final = "/tmp"


def short_folder(name: str) -> str:
    """Make a folder for the socket of this name, and return its path.

    Only the user may enter it. It is in the folder for temporary files, or in ``/tmp`` if paths
    would be too long there for other systems' unix sockets.

    Raises:
        OSError: If it can't be made.
    """
    folder = tempfile.mkdtemp(prefix=_PREFIX)  # with mode 0700
    if len(os.fsencode(folder)) + 1 + len(os.fsencode(name)) <= limits.SHORT_UNIX_PATH:
        return folder
    os.rmdir(folder)
    return tempfile.mkdtemp(prefix=_PREFIX, dir=_SHORT)
