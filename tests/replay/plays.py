"""Recordings in tests, and what a replay of them sends, written as short texts."""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from qmpeer.messages import CommandMessage, Event
from qmpeer.monitor import RawBytes, RawClient, Reply
from qmpeer.replay import Replay
from qmpeer.replay.conversations import (
    Conversation,
    RecordedEvent,
    RecordedReply,
    Step,
    recorded_conversations,
)
from qmpeer.replay.player import Player
from qmpeer.replay.report import Refusal
from qmpeer.transcript import Transcript, parse_transcript
from qmpeer.values import UNSET, JsonObject, JsonValue

__all__ = ["ask", "conversations", "played", "recording", "shown"]

GREETING = (
    '<- {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, '
    '"capabilities": ["oob"]}}\n'
)
NEGOTIATION = '-> {"execute": "qmp_capabilities"}\n<- {"return": {}}\n'


def recording(text: str, name: str = "r.txt") -> Transcript:
    """Return a transcript; GREETING and NEGOTIATION stand for their lines."""
    text = text.replace("GREETING\n", GREETING).replace("NEGOTIATION\n", NEGOTIATION)
    return parse_transcript(text, name)


def conversations(text: str) -> list[Conversation]:
    return recorded_conversations(recording(text))


def shown(steps: Sequence[Step] | Refusal) -> list[JsonValue]:
    """Return steps in short: a value, an error's class, an event's name in a list, "end"."""
    if isinstance(steps, Refusal):
        return [f"{steps.value}!"]
    return [_shown(step) for step in steps]


def _shown(step: Step) -> JsonValue:
    if isinstance(step, RecordedReply):
        return step.error["class"] if step.error is not None else _value(step)
    return [step.name] if isinstance(step, RecordedEvent) else "end"


def _value(reply: RecordedReply) -> JsonValue:
    assert reply.value is not UNSET
    return reply.value


def ask(player: Player, name: str, /, **arguments: JsonValue) -> list[JsonValue]:
    """Return what a client gets for a command."""
    return shown(player.ask(CommandMessage(name, arguments or None)))


class CollectingClient:
    """The monitor's side of a client, which keeps what is delivered to it.

    Attributes:
        got: Everything since the last look, in order.
    """

    peer = "test"

    def __init__(self) -> None:
        self.got: list[Reply | Event] = []
        self.greetings: list[JsonObject | None] = []
        self.is_closed = False

    def take_fds(self) -> list[int]:
        return []

    def greet(
        self, greeting: JsonObject | bytes | None, on_ready: Callable[[], None] | None = None
    ) -> None:
        assert not isinstance(greeting, bytes)
        self.greetings.append(greeting)
        if on_ready is not None:
            on_ready()

    def deliver(self, *messages: Reply | Event | RawBytes) -> None:
        self.got += [each for each in messages if not isinstance(each, RawBytes)]

    def close(self) -> None:
        self.is_closed = True


def played(replay: Replay, commands: Iterable[CommandMessage]) -> list[list[Reply | Event]]:
    """Return what a new client gets for each command, without I/O."""
    client = CollectingClient()
    session = replay.open_session(cast(RawClient, client))  # it has what a replay needs
    answers = []
    for command in commands:
        client.got = []
        session.execute(command)
        answers.append(client.got)
    session.close()
    return answers
