"""One message on its way through the faults: edited, cut at bytes, repeated, lost, held back."""

from collections.abc import Iterator

from qmpeer.faults.conversation import Conversation, Sight
from qmpeer.faults.edits import with_id, with_invalid_utf8
from qmpeer.faults.output import Bytes, EndOfPace, Filler, Item, Mark
from qmpeer.faults.rule import Rule
from qmpeer.messages import error_message
from qmpeer.transcript.entries import Sender
from qmpeer.wire import encode_line

UNKNOWN_ID = b'"no such command"'
_BLANKS = b" " * 4096
_PACES = frozenset(("drip", "slices"))


class Draft:
    """A message on its way through the faults.

    Attributes:
        raw: Its bytes.
        is_lost: True if it isn't passed on.
        answer: The reply in place of the server's, for a command.
        overtaking: Seconds for which the next message may overtake it; None if none may.
    """

    def __init__(self, raw: bytes, sight: Sight) -> None:
        self.raw: bytes = raw
        self.is_lost: bool = False
        self.answer: bytes | None = None
        self.overtaking: float | None = None
        self._sight = sight
        self._marks: list[tuple[int, Item]] = []
        self._copies = 0
        self._has_pace = False

    def rename(self, id: bytes | None) -> None:
        """Give a reply the id of another command, unless it is None."""
        if id is not None:
            self.raw = with_id(self.raw, id)

    def apply(self, rule: Rule, conversation: Conversation, added: Filler | None) -> bool:
        """Let a fault happen to the message; return False if there is no place for it.

        Args:
            rule: The fault.
            conversation: The commands in flight.
            added: The bytes of a fault that adds some.
        """
        fault = rule.fault
        byte = int(fault.number("byte"))
        if byte > len(self.raw):
            return False
        match rule.word:
            case "drop":
                self.is_lost = True
            case "duplicate":
                self._copies += int(fault.number("copies", 1))
            case "reorder":
                self.overtaking = fault.number("seconds", 1.0)
            case "truncate":
                self.raw = self.raw[: len(self.raw) // 2 if fault.get("byte") is None else byte]
            case "invalid-utf8":
                self.raw = with_invalid_utf8(self.raw, None if fault.get("byte") is None else byte)
            case "error":
                self._answer_with_error(rule)
            case "enlarge":
                missing = int(fault.number("size")) - len(self.raw)
                if missing <= 0:
                    return False
                self._marks.append((1, Filler(b"", _BLANKS, missing)))
            case "unknown-id":
                self.raw = with_id(self.raw, UNKNOWN_ID)
            case "no-id":
                self.raw = with_id(self.raw, None)
            case "swap-ids":
                command = self._sight.command
                other = conversation.swap(command) if command is not None else None
                if other is None:
                    return False
                self.raw = with_id(self.raw, other)
            case _:
                self._has_pace = self._has_pace or rule.word in _PACES
                self._marks.append((byte, added if added is not None else Mark(rule)))
        return True

    def _answer_with_error(self, rule: Rule) -> None:
        fault, command = rule.fault, self._sight.command
        error_class = fault.text("class", "GenericError")
        value = error_message(error_class, fault.text("desc", "injected fault"), "")
        line = with_id(encode_line(value).rstrip(), None if command is None else command.id)
        if self._sight.is_reply:
            self.raw = line
        else:
            self.is_lost = True
            self.answer = line

    def items(self, fds: tuple[int, ...], sender: Sender) -> Iterator[Item]:
        """Return what goes out in the message's place; empty if it is lost.

        Args:
            fds: The descriptors of the message.
            sender: Its sender.
        """
        at = 0
        for byte, item in sorted(self._marks, key=lambda mark: mark[0]):
            if at < byte <= len(self.raw):
                yield Bytes(self.raw[at:byte], fds)
                at, fds = byte, ()
            yield item
        if at < len(self.raw) or fds:
            yield Bytes(self.raw[at:], fds)
        if self._has_pace:
            yield EndOfPace()
        if self._copies:
            piece = sender.line_end + self.raw
            yield Filler(b"", piece, len(piece) * self._copies)
