"""Sources of a schema: a QAPI file, a saved answer, a recording, or a running monitor."""

from qmpeer.sources.files import read_qapi
from qmpeer.sources.loading import load_schema

__all__ = ["load_schema", "read_qapi"]
