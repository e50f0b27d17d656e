"""The keywords of a fault's place in Python, as types for the methods of `Faults`.

They are the keys of the text, with underscores. The tables of `qmpeer.faults.vocabulary` say what
each means.
"""

from typing import Literal, TypedDict

from qmpeer.values import JsonObject


class Chance(TypedDict, total=False):
    """The chance of a fault, its number of times, its connection."""

    nth: int
    times: int
    permille: int
    seed: int
    connection: int


class AtReply(Chance, total=False):
    """A reply."""

    message: int
    reply: str
    arguments: JsonObject


class AtAnswer(Chance, total=False):
    """A command that isn't executed, or a reply that is replaced."""

    command: str
    reply: str
    arguments: JsonObject


class BesideMessage(Chance, total=False):
    """A message, or a moment."""

    message: int | Literal["greeting"]
    command: str
    reply: str
    event: str
    after: str
    after_reply: str
    time: float
    arguments: JsonObject


class AtMessage(Chance, total=False):
    """A message of either side."""

    message: int | Literal["greeting"]
    command: str
    reply: str
    event: str
    arguments: JsonObject
    data: JsonObject
    sender: Literal["client", "server"]


class InMessage(AtMessage, total=False):
    """A message of either side, and a byte of it."""

    byte: int


class AroundMessage(AtMessage, total=False):
    """A message of either side, or a moment."""

    after: str
    after_reply: str
    time: float


class Anywhere(AroundMessage, total=False):
    """A message, a moment, a byte of either side's stream."""

    byte: int
