"""Compilation of handlers: signatures, annotations and docstrings of Python to schema types."""
