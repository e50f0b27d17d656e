"""The shell's own words."""

from collections.abc import Mapping
from typing import Final

__all__ = ["OWN_WORDS"]

OWN_WORDS: Final[Mapping[str, str]] = {
    "help": "what a command, an event or a type is",
    "events": "show events: on, off, or a pattern",
    "set": "settings: output, timing, pager, timeout",
    "wait": "wait for an event",
    "job": "follow a job until it is done",
    "record": "write the conversation to a file",
    "source": "execute the lines of a file",
    "save": "write the last reply to a file",
    "reconnect": "connect again",
    "transaction(": "several actions, all or none, up to )",
    "oob": "execute a command out of band",
    "execute": "execute a command, whatever its name",
    "hmp": "execute a command of the human monitor",
    "exit": "leave",
}
"""The shell's own words, and what each is for."""
