"""A server made of a recording."""

from qmpeer.replay.replay import Replay

__all__ = ["Replay"]
