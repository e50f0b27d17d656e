"""A live injector and a live engine: faults armed and ended while there are connections.

Modules: engine, injector.
"""

import pytest

from qmpeer import limits
from qmpeer.errors import FaultError
from qmpeer.faults import (
    Action,
    Asked,
    Close,
    Connections,
    Engine,
    Faults,
    Happened,
    Injector,
    Send,
    parse_fault,
)
from qmpeer.transcript.entries import Sender
from qmpeer.transport.aio import Stream
from tests.faults.test_aio import Raw
from tests.transport.recorder import Recorder, spin

CLIENT, SERVER = Sender.CLIENT, Sender.SERVER
STOP = b'{"execute": "stop", "id": 1}\r\n'
STOPPED = b'{"return": {}, "id": 1}\r\n'


class Live:
    """A live engine, with a clock."""

    def __init__(self, *faults: str) -> None:
        self.engine = Engine(map(parse_fault, faults), live=True)
        self.now = 0.0

    def actions(self) -> list[Action]:
        actions: list[Action] = []
        while (action := self.engine.next_action(self.now)) is not None:
            actions.append(action)
        return actions

    def send(self, sender: Sender, data: bytes) -> None:
        self.engine.receive_data(sender, data, self.now)

    def got(self, sender: Sender) -> bytes:
        """Return what has come out of a side."""
        sent = (each for each in self.actions() if isinstance(each, Send))
        return b"".join(each.data for each in sent if each.sender is sender)


def test_commands_are_seen_without_a_fault() -> None:
    live = Live()
    assert not live.engine.is_idle
    live.send(CLIENT, b'{"exec-oob": "a", "id": [1]} {"execute": "b", "arguments": {"x": 1}}[]')
    asked = [each.command for each in live.actions() if isinstance(each, Asked)]
    assert [(each.name, each.arguments, each.id, each.is_oob) for each in asked] == [
        ("a", {}, b"[1]", True),
        ("b", {"x": 1}, None, False),
    ]


def test_a_reply_to_a_command_that_was_in_flight_before() -> None:
    live = Live()
    live.send(CLIENT, STOP)
    assert live.got(CLIENT) == STOP
    live.engine.add(parse_fault("error reply=stop desc=no"), live.now)
    live.send(SERVER, STOPPED)
    assert b'"desc": "no"' in live.got(SERVER)


def test_a_fault_in_the_middle_of_a_message() -> None:
    live = Live()
    live.send(SERVER, STOPPED[:5])
    assert live.got(SERVER) == STOPPED[:5]
    live.engine.add(parse_fault("inject A"), live.now)
    live.send(SERVER, STOPPED[5:])
    rest = live.got(SERVER)
    assert rest.startswith(STOPPED[5:].rstrip() + b"\r\n")
    assert b'"event": "A"' in rest


@pytest.mark.parametrize("fault", ["cut", "cut time=2"])
def test_times_count_from_now(fault: str) -> None:
    live = Live("cut time=100")
    live.now = 50.0
    live.engine.add(parse_fault(fault), live.now)
    if "time" in fault:
        assert live.actions() == []
        assert live.engine.next_due == 52.0
        live.now = 52.0
    assert live.actions() == [Happened(parse_fault(fault)), Close()]


@pytest.mark.parametrize(
    "fault",
    ["stall", "stall sender=client", "delay seconds=9", "slices size=1 pause=9", "drip speed=1"],
)
def test_what_is_held_back_goes_on_when_the_fault_has_ended(fault: str) -> None:
    live = Live()
    parsed = parse_fault(fault)
    sender, data = (CLIENT, STOP) if "client" in fault else (SERVER, STOPPED)
    live.engine.add(parsed, live.now)
    if "delay" not in fault:  # what has a time already keeps it
        live.send(sender, data)
        assert live.got(sender) in (b"", data[:1])
    live.engine.remove(parsed)
    live.send(sender, data)
    assert live.got(sender).endswith(data)


@pytest.mark.parametrize(
    "fault", ["cut byte=30", "cut after-reply=stop", "cut time=3", "drop event=A"]
)
def test_a_fault_that_has_ended_never_happens(fault: str) -> None:
    live = Live()
    parsed = parse_fault(fault)
    live.engine.add(parsed, live.now)
    live.actions()
    live.engine.remove(parsed)
    live.send(CLIENT, STOP)
    live.send(SERVER, b'{"event": "A"}' + STOPPED)
    live.now = 5.0
    assert live.got(SERVER) == b'{"event": "A"}' + STOPPED
    assert not live.engine.is_over


def test_a_fault_that_ends_when_its_moment_has_come() -> None:
    live = Live("stall")
    parsed = parse_fault("cut after=stop sender=server")
    live.engine.add(parsed, live.now)
    live.send(SERVER, STOPPED)
    live.actions()
    live.engine.remove(parsed)
    live.send(CLIENT, STOP)
    live.actions()
    assert not live.engine.is_over


def test_others_on_this_connection_are_left_out() -> None:
    live = Live()
    for fault in ("refuse", "cut connection=2"):
        live.engine.add(parse_fault(fault), live.now)
    assert [each for each in live.actions() if isinstance(each, Happened)] == []


class Scene:
    """A live injector, and connections through it."""

    def __init__(self, *faults: str) -> None:
        self.asked: list[tuple[int, str]] = []
        self.injector = Injector(
            Faults(faults),
            live=True,
            asked=lambda connection, command: self.asked.append((connection, command.name)),
        )

    def connect(self) -> tuple[Raw, Recorder]:
        made: list[Recorder] = []
        raw = Raw()

        def make(stream: Stream) -> Recorder:
            made.append(Recorder(stream))
            return made[-1]

        raw.handler = self.injector.wrap(make)(raw)
        return raw, made[0]


async def test_connections_that_are_there_and_later_ones() -> None:
    scene = Scene("error command=a desc=first")
    first, _ = scene.connect()
    fault = parse_fault("error command=b desc=second")
    for connections in Connections:
        scene.injector.arm(fault, connections)
    assert [(each.number, each.connections.value) for each in scene.injector.armed] == [
        (1, "all"), (2, "all"), (3, "current"), (4, "next")
    ]  # fmt: skip
    second, _ = scene.connect()
    for raw in (first, second):
        raw.handler.data_received(b'{"execute": "b"}', ())
        assert b"second" in raw.sent
    assert scene.asked == [(1, "b"), (2, "b")]
    assert [each.happened for each in scene.injector.armed] == [0, 2, 1, 1]


async def test_a_connection_that_has_ended_is_forgotten() -> None:
    scene = Scene()
    first, handler = scene.connect()
    armed = scene.injector.arm(parse_fault("cut"))
    assert first.calls == ["close"]
    await spin()
    assert handler.is_lost
    scene.injector.disarm(armed)
    second, _ = scene.connect()
    assert second.calls == []
    second.handler.connection_lost(None)
    scene.injector.arm(parse_fault("cut"))
    assert second.calls == []


async def test_what_cannot_be_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    with pytest.raises(FaultError, match="the server listens already"):
        scene.injector.arm(parse_fault("late seconds=1"))
    monkeypatch.setattr(limits, "FAULTS", 1)
    scene.injector.arm(parse_fault("drop event=A"))
    with pytest.raises(FaultError, match="found more than 1 faults"):
        scene.injector.arm(parse_fault("drop event=A"))
