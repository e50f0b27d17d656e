"""A server made of a recording."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from qmpeer.errors import TranscriptError
from qmpeer.messages import CommandMessage, Event, Timestamp
from qmpeer.monitor import RawClient
from qmpeer.replay.additions import Additions
from qmpeer.replay.conversations import Conversation, RecordedReply, recorded_conversations
from qmpeer.replay.courses import Courses
from qmpeer.replay.elsewhere import Elsewhere
from qmpeer.replay.files import read_recording
from qmpeer.replay.known_answers import KnownAnswers
from qmpeer.replay.lookup import Lookup
from qmpeer.replay.playback import Order
from qmpeer.replay.player import Course, Player, Rules
from qmpeer.replay.report import Miss, Report
from qmpeer.replay.schedule import NO_DELAYS, RECORDED, Delays
from qmpeer.replay.session import ReplaySession
from qmpeer.replay.tally import Tally
from qmpeer.replay.upstream import UpstreamServer
from qmpeer.transcript import Transcript
from qmpeer.transport import AddressLike
from qmpeer.values import JsonObject

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
            error. Out-of-band commands have an order of their own.
        strict: Refuse a command that is asked more often than recorded.
        conversation: The number, from 1, of the conversation that every client gets.
        delays: "none"; "recorded": replies and events take as long as in the recording; or the
            seconds before each event.
        timestamps: "now", or "recorded".
        on_miss: Called, in the monitor's thread, with each command that wasn't answered as
            recorded, as long as the report lists them.
        server: The address of a real server, which answers what isn't recorded: it executes these
            commands.
        add: Add its answers to the files that the transcripts were read from; see `save`.
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
        server: AddressLike | None = None,
        add: bool = False,
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
        # Without delays, and of a real server, replies keep the order of the commands by
        # themselves if there is one command at a time.
        self.window: int = 1 if server is not None or delays == NO_DELAYS else _WINDOW
        self._known = known
        self._elsewhere = Elsewhere(conversations)
        self._played = [
            Course(each, Lookup(each.exchanges), known.greeting(each)) for each in played
        ]
        self._courses = Courses(self._played)
        self._tally = Tally(played)
        self._sessions: set[ReplaySession] = set()
        self._rules = Rules(Order(order), strict)
        self._delays = delays
        self._stamp = (lambda recorded: recorded) if timestamps == "recorded" else self._now
        self._clock = clock
        self._on_miss = on_miss or (lambda miss: None)
        self._upstream = None if server is None else UpstreamServer(server)
        self._additions: dict[str, Additions] = {}
        if add:
            if server is None:
                raise ValueError("found add without a server, expected both")
            for each in transcripts:
                self._additions[each.name] = Additions(each.name)

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
        server: AddressLike | None = None,
        add: bool = False,
    ) -> "Replay":
        """Return the replay of recordings in files: transcripts, or libvirt's ``.replies``.

        The arguments are those of `Replay`.

        Raises:
            TranscriptError: If a file can't be replayed.
            OSError: If a file can't be read.
            ValueError: As for `Replay`.
        """
        return cls(
            *(read_recording(path, is_added_to=add) for path in paths),
            order=order,
            strict=strict,
            conversation=conversation,
            delays=delays,
            timestamps=timestamps,
            on_miss=on_miss,
            server=server,
            add=add,
        )

    @property
    def report(self) -> Report:
        """What was played so far, what was never asked, and what was asked in vain."""
        return self._tally.report()

    def _next_player(self) -> tuple[Player, Callable[[], None]]:
        """Return the next client's player, and the function that ends it."""
        courses = self._courses
        number, course = courses.take()
        on_answer = self._add if self._additions else None
        player = Player(
            course,
            self._rules,
            self._known,
            self._elsewhere,
            self._tally,
            self._on_miss,
            on_answer,
        )

        def end() -> None:
            if not player.has_asked:
                courses.give_back(number)
            with suppress(TranscriptError, OSError):  # save() is called once more, and raises
                self.save()
            if not self._sessions and self._upstream is not None:
                self._upstream.release()

        return player, end

    def open_session(self, client: RawClient) -> ReplaySession:
        """Return the session of a client that has connected; see `qmpeer.monitor.RawBackend`."""
        player, end = self._next_player()

        def leave() -> None:
            self._sessions.discard(session)
            end()

        session = ReplaySession(client, player, self._delays, self._stamp, self._upstream, leave)
        self._sessions.add(session)
        client.greet(player.course.greeting, session.begin)
        return session

    def send_event(self, name: str, data: JsonObject | None = None) -> None:
        """Send an event that isn't recorded to all clients that have negotiated.

        Call it in the monitor's thread.

        Args:
            name: The event's name.
            data: Its data.

        Raises:
            TypeError: If JSON can't hold the data.
        """
        event = Event(name, data or {}, self._now(None))
        for session in tuple(self._sessions):
            session.send(event)

    def reset(self) -> None:
        """Begin anew: the next client gets the first conversation, and the report counts from 0.

        Clients that are there go on with theirs. Call it in the monitor's thread.
        """
        self._courses = Courses(self._played)
        self._tally.reset()

    def _add(
        self, conversation: Conversation, command: CommandMessage, reply: RecordedReply
    ) -> None:
        self._additions[conversation.place.name].add(conversation, command, reply)

    def save(self) -> None:
        """Write the real server's answers to the files, if `add` is set.

        This also happens whenever a client has gone.

        Raises:
            TranscriptError: If somebody else has changed a file.
            OSError: If a file can't be read or written.
        """
        for each in self._additions.values():
            each.write()

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
        most = len(conversations)
        raise ValueError(f"found conversation {number}, expected 1{f' to {most}' * (most > 1)}")
    return [conversations[number - 1]]
