"""The commands of the built-in machine's human monitor."""

from qmpeer.machine.human.registration import register_human_commands

__all__ = ["register_human_commands"]
