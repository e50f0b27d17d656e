"""Sources of a schema: a QAPI file, a saved answer, a recording, a monitor, the installed QEMU."""

from typing import TYPE_CHECKING

from qmpeer.lazy import handed_out
from qmpeer.sources.files import read_qapi
from qmpeer.sources.loading import load_schema

if TYPE_CHECKING:
    from qmpeer.sources.installed import installed_schema

__all__ = ["installed_schema", "load_schema", "read_qapi"]

_HOMES = {"installed_schema": "qmpeer.sources.installed"}


def __getattr__(name: str) -> object:
    return handed_out(__name__, _HOMES, name)
