"""Output generated from a schema: typed bindings and reference documentation."""

from qmpeer.codegen.bindings import bindings_text
from qmpeer.codegen.reference import FORMATS, ReferenceFormat, reference_files

__all__ = ["FORMATS", "ReferenceFormat", "bindings_text", "reference_files"]
