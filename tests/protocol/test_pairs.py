"""Client sessions with a server session, over a simulated wire of random speed.

Commands are sent, delayed, given up and finished late, and the bytes are cut at random. Still each
command gets its own answer exactly once, in-band commands in the order in which they were sent; and
all events arrive in order.
"""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmpeer.errors import CommandError
from qmpeer.messages import Event
from qmpeer.protocol import ClientSession, Completion, Phase, Sent, ServerSession
from qmpeer.values import JsonObject, JsonValue
from tests.fuzzing import tried
from tests.protocol.pretended_server import PretendedServer

Token = tuple[str, int]


def refuse(arguments: JsonObject) -> JsonValue:
    raise CommandError("GenericError", str(arguments["n"]))


def echo(arguments: JsonObject) -> JsonValue:
    return arguments["n"]


COMMANDS = {"echo": echo, "refuse": refuse, "slow": echo, "oob": echo, "slow-oob": echo}


@dataclass
class Peer:
    """A client's session, the server's session for it, and the bytes between them."""

    client: ClientSession[Token]
    session: ServerSession
    to_server: bytearray = field(default_factory=bytearray)
    to_client: bytearray = field(default_factory=bytearray)
    sent: dict[Token, Sent[Token]] = field(default_factory=dict)
    given_up: set[Token] = field(default_factory=set)
    outcomes: dict[Token, Completion[Token]] = field(default_factory=dict)
    order: list[Token] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def ask(self, name: str, number: int) -> None:
        is_oob = name.endswith("oob")
        if self.client.phase is not Phase.READY or (is_oob and not self.client.capabilities):
            return
        token = (name, number)
        self.sent[token] = self.client.execute(name, {"n": number}, token, is_oob=is_oob)

    def give_up(self, chance: random.Random) -> None:
        waiting = [token for token in self.sent if token not in self.outcomes]
        if waiting:
            token = chance.choice(waiting)
            self.given_up.add(token)
            self.client.give_up(self.sent[token])

    def carry(self, server: PretendedServer, size: int) -> None:
        """Transfer some bytes in each direction."""
        while data := self.client.data_to_send()[0]:
            self.to_server += data
        if self.session.wants_data and self.to_server:
            server.receive(self.session, bytes(self.to_server[:size]))
            del self.to_server[:size]
        self.to_client += self.session.data_to_send()
        server.pump()
        self.take_in(bytes(self.to_client[:size]))
        del self.to_client[:size]

    def take_in(self, data: bytes) -> None:
        for item in self.client.receive_data(data):
            if isinstance(item, Event):
                self.events.append(item.name)
                continue
            assert isinstance(item, Completion)
            assert item.token not in self.outcomes
            assert item.token not in self.given_up
            self.outcomes[item.token] = item
            self.order.append(item.token)


class World:
    def __init__(self, peers: list[tuple[int | None, bool]], *, holds: bool, seed: int) -> None:
        self.server = PretendedServer(
            COMMANDS, slow=("slow", "slow-oob"), oob=("oob", "slow-oob"), holds=holds
        )
        self.chance = random.Random(seed)
        self.emitted = 0
        self.peers = [
            Peer(
                ClientSession(
                    max_in_flight=window,
                    capabilities=None if has_oob else (),
                    first_id=self.chance.randrange(100),
                ),
                self.server.connect(is_pretty=self.chance.random() < 0.2),
            )
            for window, has_oob in peers
        ]
        while any(peer.client.phase is not Phase.READY for peer in self.peers):
            for peer in self.peers:
                peer.carry(self.server, 1 + self.chance.randrange(300))

    def finish(self, number: int) -> None:
        _, command = self.server.running[number]
        assert command.arguments is not None
        self.server.finish(number, command.arguments["n"])

    def act(self, action: str, number: int) -> None:
        peer = self.peers[number % len(self.peers)]
        if action in COMMANDS:
            peer.ask(action, number)
        elif action == "finish" and self.server.running:
            self.finish(self.chance.randrange(len(self.server.running)))
        elif action == "emit":
            self.emitted += 1
            self.server.emit(f"E{self.emitted}")
        elif action == "give up":
            peer.give_up(self.chance)
        elif action == "pause":
            peer.session.pause_output()
        elif action == "resume":
            peer.session.resume_output()
            self.server.dispatcher.enlist(peer.session, peer.session)
        elif action == "carry":
            peer.carry(self.server, self.chance.choice((1, 2, 10, 100, 1000)))

    def settle(self) -> None:
        """Run until nothing is left to do."""
        for peer in self.peers:
            peer.session.resume_output()
            self.server.dispatcher.enlist(peer.session, peer.session)
        for _ in range(1000):
            for peer in self.peers:
                peer.carry(self.server, 1000)
            if self.server.running:
                self.finish(0)
            if not self.server.running and all(
                not p.client.commands_in_flight and not p.to_client and not p.to_server
                for p in self.peers
            ):
                break

    def check(self) -> None:
        for peer in self.peers:
            assert peer.client.failure is None
            assert peer.client.ignored == 0
            assert peer.client.commands_in_flight == 0
            assert peer.outcomes.keys() == peer.sent.keys() - peer.given_up
            for (name, number), outcome in peer.outcomes.items():
                if name == "refuse":
                    assert outcome.error is not None
                    assert (outcome.error.desc, outcome.error.command) == (str(number), name)
                else:
                    assert (outcome.error, outcome.value) == (None, number)
            in_band = [token for token in peer.order if not token[0].endswith("oob")]
            assert in_band == [token for token in peer.sent if token in in_band]
            assert peer.events == [f"E{number + 1}" for number in range(self.emitted)]


ACTIONS = st.sampled_from(
    [*COMMANDS, *COMMANDS, "finish", "finish", "emit", "give up", "pause", "resume", *["carry"] * 8]
)
PEERS = st.lists(
    st.tuples(st.sampled_from([None, 1, 2, 8, 20]), st.booleans()), min_size=1, max_size=3
)


@pytest.mark.property
@tried(2)
@given(
    peers=PEERS,
    holds=st.booleans(),
    actions=st.lists(ACTIONS, min_size=1, max_size=120),
    seed=st.integers(0, 2**32),
)
@example(  # only a queued command is left when the output is resumed
    peers=[(None, True), (None, False)],
    holds=False,
    actions=["slow", "echo", "echo", "give up", "carry", "echo", "pause", "oob", "finish", "carry"],
    seed=1,
)
def test_random_walk(
    peers: list[tuple[int | None, bool]], holds: bool, actions: list[str], seed: int
) -> None:
    world = World(peers, holds=holds, seed=seed)
    for number, action in enumerate(actions):
        world.act(action, number)
    world.settle()
    world.check()


@pytest.mark.parametrize("seed", range(12))
def test_long_random_walk(seed: int) -> None:
    chance = random.Random(seed)
    world = World([(None, True), (8, True), (None, False)], holds=seed % 2 == 0, seed=seed)
    choices = [*COMMANDS, "finish", "finish", "emit", "give up", *["carry"] * (1 + seed)]
    for number in range(2500):
        world.act(chance.choice(choices), number)
    world.settle()
    world.check()


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 13])
def test_a_conversation_in_pieces(cut: int) -> None:
    world = World([(None, True)], holds=False, seed=cut)
    (peer,) = world.peers
    for number in range(200):
        peer.ask("echo" if number % 3 else "oob", number)
        peer.carry(world.server, cut)
    world.settle()
    world.check()


def test_eight_in_flight_never_keep_an_out_of_band_command_waiting() -> None:
    world = World([(8, True)], holds=True, seed=1)
    (peer,) = world.peers
    for number in range(50):
        peer.ask("slow", number)
    peer.ask("oob", 99)
    for _ in range(10):
        peer.carry(world.server, 10_000)
    assert peer.order == [("oob", 99)]
    world.settle()
    world.check()


def test_what_a_client_left_behind_reaches_nobody() -> None:
    world = World([(None, False), (None, False)], holds=True, seed=2)
    leaving, staying = world.peers
    leaving.ask("slow", 1)
    leaving.ask("echo", 2)
    leaving.carry(world.server, 1000)
    staying.ask("echo", 3)
    staying.carry(world.server, 1000)
    leaving.session.close()
    leaving.client.receive_eof()
    assert [sent.name for sent in leaving.client.interrupted] == ["slow", "echo"]
    world.finish(0)
    for _ in range(3):
        staying.carry(world.server, 1000)
    assert staying.order == [("echo", 3)]
    assert staying.client.ignored == 0
    assert leaving.session.data_to_send() == b""
