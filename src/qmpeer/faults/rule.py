"""One fault on one connection: how often it has been found, and its chance."""

from random import Random

from qmpeer.faults.conversation import Sight, is_part
from qmpeer.faults.fault import Fault
from qmpeer.faults.vocabulary import MOMENTS, Default
from qmpeer.transcript.entries import Sender


class Rule:
    """A fault's state on one connection.

    Args:
        fault: The fault.
        name: What its chance depends on besides the seed: the connection and the fault's place in
            the plan.
        seed: The plan's seed; a seed of the fault itself goes first.

    Attributes:
        fault: The fault.
        word: Its word.
        sender: Whose bytes it concerns.
        is_moment: True if it waits for a moment rather than for a message.
        is_immediate: True if that moment is the beginning.
        is_over: True if it can't happen again.
        is_withdrawn: True if it mustn't happen, even if its moment has come.
    """

    __slots__ = (
        "_found",
        "_happened",
        "_random",
        "_seed",
        "fault",
        "is_immediate",
        "is_moment",
        "is_over",
        "is_withdrawn",
        "sender",
        "word",
    )

    def __init__(self, fault: Fault, name: str, seed: int) -> None:
        self.fault: Fault = fault
        self.word: str = fault.word
        own = fault.get("seed")
        self._seed = f"{seed if own is None else own}/{name}"
        self._random: Random | None = None
        self.sender: Sender = Sender.SERVER if fault.is_of_server else Sender.CLIENT
        self._found = 0
        self._happened = 0
        self.is_over: bool = False
        self.is_withdrawn: bool = False
        target = fault.target
        self.is_immediate: bool = target is None and not self._is_of_messages
        self.is_moment: bool = target in MOMENTS or self.is_immediate

    @property
    def random(self) -> Random:
        """Its source of chance, made when it is first needed: it takes 2.5 kB."""
        if self._random is None:
            self._random = Random(f"{self._seed}/{self.fault}")
        return self._random

    @property
    def _is_of_messages(self) -> bool:
        """True if a fault without a place is about each message rather than about all bytes."""
        fault = self.fault
        if fault.kind.default is Default.BYTES:
            chance = any(fault.get(key) is not None for key in ("nth", "times", "permille"))
            return chance and fault.get("byte") is None
        return fault.kind.default in (Default.MESSAGE, Default.REPLY)

    def is_watching(self) -> bool:
        """Return True if it has to know the messages of both sides, but doesn't change them."""
        if self.is_over:
            return False
        target = self.fault.target
        # The name of `after` may be a command's or an event's. A reply is known by its command, and
        # an answer in place of the server's waits for the replies before it.
        is_of_replies = target == "reply" or self.fault.kind.default is Default.REPLY
        return target in ("after", "after-reply") or is_of_replies

    def is_changing(self, sender: Sender) -> bool:
        """Return True if it may happen at a message of a side."""
        return not (self.is_over or self.is_moment) and sender is self.sender

    def matches(self, sight: Sight) -> bool:
        """Return True if it happens at a message now."""
        if not self.is_changing(sight.sender) or not self._is_at(sight):
            return False
        return self.take()

    def begins_after(self, sight: Sight) -> bool:
        """Return True if the moment that it waits for comes when this message has passed."""
        if self.is_over:
            return False
        target, command = self.fault.target, sight.command
        if target == "after-reply":
            is_there = sight.is_reply and command is not None and self._is_command(command.name)
        elif target == "after" and sight.sender is Sender.CLIENT:
            is_there = command is not None and self._is_command(command.name)
        elif target == "after":
            is_there = sight.event == self.fault.get("after")
            return is_there and self.take()
        else:
            return False
        return is_there and self._has_arguments(sight) and self.take()

    def take(self) -> bool:
        """Count one more find; return True if the fault happens this time."""
        fault = self.fault
        if self.is_over:
            return False
        self._found += 1
        nth = fault.get("nth")
        if nth is not None:
            self.is_over = self._found >= fault.number("nth")
            if self._found != nth:
                return False
        self.is_over = self.is_over or isinstance(fault.get("message"), int)
        permille = fault.get("permille")
        if permille is not None and self.random.randrange(1000) >= fault.number("permille"):
            return False
        self._happened += 1
        times = fault.get("times")
        if times is not None and self._happened >= fault.number("times"):
            self.is_over = True
        return True

    def _is_command(self, name: str) -> bool:
        return name == self.fault.get(self.fault.target or "")

    def _has_arguments(self, sight: Sight) -> bool:
        expected = self.fault.get("arguments")
        if not isinstance(expected, dict):
            return True
        return sight.command is not None and is_part(expected, sight.command.arguments)

    def _is_at(self, sight: Sight) -> bool:
        fault, command = self.fault, sight.command
        if fault.kind.default is Default.REPLY and not sight.is_reply and fault.target != "command":
            return False
        match fault.target:
            case "message":
                number = fault.get("message")
                if number == "greeting":
                    return sight.is_greeting
                return sight.number == number
            case "command":
                is_there = not sight.is_reply and command is not None
            case "reply":
                is_there = sight.is_reply and command is not None
            case "event":
                data = fault.get("data") if fault.kind.key("data") is None else None
                expected = data if isinstance(data, dict) else {}
                return sight.event == fault.get("event") and is_part(expected, sight.data)
            case _:
                return True
        return (
            is_there
            and command is not None
            and self._is_command(command.name)
            and self._has_arguments(sight)
        )
