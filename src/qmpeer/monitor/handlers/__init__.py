"""Python functions as handlers: their signatures, annotations and docstrings as schema types."""
