"""A server made of a recording."""

import os
import time
from collections.abc import Callable, Iterable

from qmpeer.messages import Timestamp
from qmpeer.monitor import RawClient
from qmpeer.replay.conversations import Conversation, recorded_conversations
from qmpeer.replay.courses import Courses
from qmpeer.replay.files import read_recording
from qmpeer.replay.known_answers import KnownAnswers
from qmpeer.replay.lookup import Lookup
from qmpeer.replay.playback import Order
from qmpeer.replay.player import Course, Player, Rules
from qmpeer.replay.report import Miss, Report, Tally
from qmpeer.replay.schedule import NO_DELAYS, RECORDED, Delays
from qmpeer.replay.session import ReplaySession, Upstream
from qmpeer.transcript import Transcript

_WINDOW = 8
"""In-band commands of one client that may wait for their delayed replies. Ours."""


class Replay:
    r"""A raw backend that answers as a recorded server did.

    A command is looked up by its name and arguments; the order of members and the id don't count.
    The same command asked again gets its recorded answers in turn, and then the last one again.
    Events follow the reply that they followed in the recording. What isn't recorded gets
    CommandNotFound, and is in the report. Recorded arguments may hold patterns: ``"$any"``,
    ``"$regex:PATTERN"``, ``<redacted>``.

    Args:
        *transcripts: The recordings. The first client gets the first conversation, the next one the
            second; after the last comes the first again.
        order: "any", or "recorded": then a command that comes out of the recorded order gets an
            error.
        strict: Refuse a command that is asked more often than recorded.
        conversation: The number, from 1, of the conversation that every client gets.
        delays: "none"; "recorded": replies and events take as long as in the recording; or the
            seconds before each event.
        timestamps: "now", or "recorded".
        on_miss: Called, in the monitor's thread, with each command that wasn't answered as
            recorded.
        upstream: A real server that answers what isn't recorded.
        clock: Returns the time of an event, in seconds since 1970.

    Attributes:
        window: The in-band commands of one client that may be in flight.

    Raises:
        TranscriptError: If a transcript can't be replayed.
        ValueError: If there is no such conversation, order, delay or timestamp.

    Example:
        >>> from qmpeer.transcript import parse_transcript
        >>> replay = Replay(parse_transcript(
        ...     '-> {"execute": "query-status"}\n'
        ...     '<- {"return": {"running": true}}\n'
        ... ))
        >>> replay.report.never_asked[0].command
        'query-status'
    """

    def __init__(
        self,
        *transcripts: Transcript,
        order: str = "any",
        strict: bool = False,
        conversation: int | None = None,
        delays: Delays = NO_DELAYS,
        timestamps: str = "now",
        on_miss: Callable[[Miss], None] | None = None,
        upstream: Upstream | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(delays, str):
            _check("delays", delays, (NO_DELAYS, RECORDED))
        elif not 0 <= delays < float("inf"):
            raise ValueError(f"found {delays!r} seconds, expected 0 or more")
        _check("timestamps", timestamps, ("now", "recorded"))
        _check("order", order, [each.value for each in Order])
        conversations: list[Conversation] = []
        for each in transcripts:
            conversations += recorded_conversations(each, len(conversations))
        known = KnownAnswers(conversations)
        played = _chosen(conversations, conversation)
        self.window: int = 1 if upstream is not None or delays == NO_DELAYS else _WINDOW
        self._known = known
        self._courses = Courses(
            [Course(each, Lookup(each.exchanges), known.greeting(each)) for each in played]
        )
        self._tally = Tally(played)
        self._rules = Rules(Order(order), strict)
        self._delays = delays
        self._stamp = (lambda recorded: recorded) if timestamps == "recorded" else self._now
        self._clock = clock
        self._on_miss = on_miss or (lambda miss: None)
        self._upstream = upstream

    @classmethod
    def load(
        cls,
        *paths: str | os.PathLike[str],
        order: str = "any",
        strict: bool = False,
        conversation: int | None = None,
        delays: Delays = NO_DELAYS,
        timestamps: str = "now",
        on_miss: Callable[[Miss], None] | None = None,
    ) -> "Replay":
        """Return the replay of recordings in files: transcripts, or libvirt's ``.replies``.

        The arguments are those of `Replay`.

        Raises:
            TranscriptError: If a file can't be replayed.
            OSError: If a file can't be read.
            ValueError: As for `Replay`.
        """
        return cls(
            *map(read_recording, paths),
            order=order,
            strict=strict,
            conversation=conversation,
            delays=delays,
            timestamps=timestamps,
            on_miss=on_miss,
        )

    @property
    def report(self) -> Report:
        """What was played so far, what was never asked, and what was asked in vain."""
        return self._tally.report()

    def player(self) -> tuple[Player, Callable[[], None]]:
        """Return the next client's player, and the function that ends it."""
        number, course = self._courses.take()
        player = Player(course, self._rules, self._known, self._tally, self._on_miss)

        def end() -> None:
            if not player.has_asked:
                self._courses.give_back(number)

        return player, end

    def open_session(self, client: RawClient) -> ReplaySession:
        """Return the session of a client that has connected; see `qmpeer.monitor.RawBackend`."""
        player, end = self.player()
        session = ReplaySession(client, player, self._delays, self._stamp, self._upstream, end)
        client.greet(player.course.greeting, session.begin)
        return session

    def _now(self, recorded: Timestamp | None) -> Timestamp | None:
        seconds, fraction = divmod(self._clock(), 1)
        return Timestamp(int(seconds), int(fraction * 1e6))


def _check(name: str, found: str, choice: Iterable[str]) -> None:
    if found not in choice:
        raise ValueError(f"found {name} {found!r}, expected {' or '.join(choice)}")


def _chosen(conversations: list[Conversation], number: int | None) -> list[Conversation]:
    if not conversations:
        raise ValueError("found no recording, expected at least one")
    if number is None:
        return conversations
    if not 1 <= number <= len(conversations):
        raise ValueError(f"found conversation {number}, expected 1 to {len(conversations)}")
    return [conversations[number - 1]]
