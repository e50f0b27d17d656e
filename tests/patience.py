"""The longest wait in a test for something that must happen."""

__all__ = ["PATIENCE"]

PATIENCE = 60.0
"""Seconds until a wait counts as a hang. A busy machine may need seconds for milliseconds' work.

A test in which a wait has to end by its deadline gives that wait a short one of its own.
"""
