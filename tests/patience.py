"""The longest wait in a test for something that must happen."""

__all__ = ["PATIENCE"]

PATIENCE = 60.0
"""The seconds until a wait counts as a hang. A busy machine may need seconds for work of
milliseconds.

A test of a deadline gives its wait a short one of its own.
"""
