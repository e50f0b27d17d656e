"""The index of a conversation's commands, by name and arguments."""

from collections.abc import Iterable

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage
from qmpeer.replay.conversations import Exchange
from qmpeer.replay.patterns import Matcher, PatternError, canonical, compile_value, is_loose
from qmpeer.values import JsonObject


class Question:
    """A command with certain arguments, and what was recorded for it, in order.

    Attributes:
        turns: The indices of its exchanges in the conversation.
        matches: Tells whether arguments fit, if the recorded ones hold patterns; else None.
    """

    __slots__ = ("matches", "turns")

    def __init__(self, matches: Matcher | None) -> None:
        self.turns: list[int] = []
        self.matches: Matcher | None = matches


class Lookup:
    """The questions of one conversation.

    Arguments that are recorded as they come win over patterns; among patterns, the first recorded
    one wins. Absent arguments equal empty ones, as in QEMU.

    Raises:
        TranscriptError: If a pattern can't be used.
    """

    __slots__ = ("_exact", "_loose", "_plain", "_questions", "exchanges")

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self.exchanges: tuple[Exchange, ...] = tuple(exchanges)
        self._plain: dict[str, Question] = {}  # without arguments
        self._exact: dict[tuple[str, bytes], Question] = {}
        self._loose: dict[str, list[Question]] = {}
        self._questions: list[Question] = []  # by the index of the exchange
        for at in range(len(self.exchanges)):
            self._index(at)

    def _index(self, at: int) -> None:
        exchange = self.exchanges[at]
        name, arguments = exchange.command.name, exchange.command.arguments
        if not arguments:
            question = self._plain.setdefault(name, Question(None))
        else:
            key = (name, canonical(arguments))
            if key not in self._exact:
                self._exact[key] = self._new(exchange, name, arguments)
            question = self._exact[key]
        question.turns.append(at)
        self._questions.append(question)

    def _new(self, exchange: Exchange, name: str, arguments: JsonObject) -> Question:
        if not is_loose(arguments):
            return Question(None)
        try:
            question = Question(compile_value(arguments))
        except (PatternError, RecursionError) as error:
            place = exchange.place
            raise TranscriptError(str(error), place.name or "the transcript", place.line) from None
        self._loose.setdefault(name, []).append(question)
        return question

    def find(self, command: CommandMessage) -> Question | None:
        """Return the question that a command asks; None if it wasn't recorded."""
        arguments = command.arguments
        if arguments:
            found = self._exact.get((command.name, canonical(arguments)))
        else:
            found = self._plain.get(command.name)
        if found is None:
            for question in self._loose.get(command.name, ()):
                if question.matches is not None and question.matches(arguments or {}):
                    return question
        return found

    def is_at(self, command: CommandMessage, at: int) -> bool:
        """Return True if a command asks the question of the exchange at an index."""
        if self.exchanges[at].command.name != command.name:
            return False
        question = self._questions[at]
        # find() returns the first of several patterns that fit.
        return self.find(command) is question or (
            question.matches is not None and question.matches(command.arguments or {})
        )
