"""What is written from a schema: typed bindings and the reference documentation."""

from qmpeer.codegen.bindings import bindings_text

__all__ = ["bindings_text"]
