"""Each kind of fault at each kind of place: what both sides get, and when.

Modules: actions, conversation, direction, drafts, output, rule.
"""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from qmpeer import limits
from qmpeer.faults import Engine, Faults, parse_fault, random_faults
from qmpeer.transcript.entries import Sender
from tests.faults.pretended_time import COMMANDS, GREETING, STOPPED, Talk, command, reply

PLAIN = "... 2 -> status?|; 2 <- status!|; 3 -> stop?|; 3 <- STOP|stop!|"
LINES = (Path(__file__).parent / "fault_table.txt").read_text().splitlines()
TABLE = [(LINES[at], LINES[at + 1].strip()) for at in range(3, len(LINES), 2)]


@pytest.mark.parametrize(("fault", "expected"), TABLE, ids=[fault for fault, _ in TABLE])
def test_a_fault(fault: str, expected: str) -> None:
    talk = Talk(fault, epoch=1000.5).run()
    assert talk.lines() == expected
    assert set(talk.happened) <= {str(parse_fault(fault))}
    assert bool(talk.happened) is (expected != PLAIN)


@pytest.mark.parametrize(
    "fault", ["late seconds=1", "cut connection=2", "refuse connection=2", "drop permille=0"]
)
def test_a_fault_that_is_elsewhere(fault: str) -> None:
    talk = Talk(fault).run()
    assert talk.lines() == PLAIN
    assert not talk.happened


def test_no_fault_on_a_connection_costs_nothing() -> None:
    faults = [parse_fault("cut connection=2")]
    assert Engine(faults, connection=1).is_idle
    assert not Engine(faults, connection=2).is_idle


@pytest.mark.parametrize(
    ("fault", "size", "pause"),
    [
        ("drip speed=20", 1, 0.05),
        ("drip speed=200", 10, 0.05),
        ("drip reply=stop speed=20", 1, 0.05),
        ("slices size=20 pause=0.1", 20, 0.1),
        ("slices size=20", 20, 0.001),
        ("slices reply=stop size=5 pause=0.2", 5, 0.2),
    ],
)
def test_slow_bytes(fault: str, size: int, pause: float) -> None:
    talk = Talk(fault).run(20)
    plain = Talk().run().got(Sender.SERVER)
    assert talk.got(Sender.SERVER) == plain
    slow = reply("stop", 2).rstrip() if "stop" in fault else plain
    sent = [(now, data) for now, mark, data in talk.log if mark == "<-" and len(data) <= size]
    assert b"".join(data for _, data in sent).rstrip().endswith(slow.rstrip())
    times = [now for now, _ in sent]
    assert all(b - a > pause * 0.999 for a, b in pairwise(times))


def test_jitter_keeps_the_order_and_repeats_with_its_seed() -> None:
    def times(seed: int) -> list[float]:
        talk = Talk("delay seconds=1 jitter=0.9", seed=seed)
        for number in range(40):
            talk.server(b"%d " % number)
            talk.until(talk.now + 0.1)
        talk.until(talk.now + 3)
        assert talk.got(Sender.SERVER) == b"".join(b"%d " % number for number in range(40))
        return [now for now, _, _ in talk.log]

    assert times(1) == times(1)
    assert times(1) != times(2)


def test_chance() -> None:
    def count(*faults: str, seed: int = 0) -> int:
        talk = Talk(*faults, seed=seed)
        for number in range(300):
            talk.server(reply("query-status", number))
        return len(talk.happened)

    assert 15 <= count("drop permille=100") <= 50
    assert count("drop permille=100") == count("drop permille=100")
    assert len({count("drop permille=100", seed=seed) for seed in range(5)}) > 1
    assert len({count("drop permille=100 seed=3", seed=seed) for seed in range(5)}) == 1
    assert count("drop permille=1000 times=7") == 7


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ('drop command=x arguments={"a": 1}', "13"),
        ('drop command=x arguments={"a": {"b": [1, {}]}}', "2"),
        ("drop command=x nth=2", "1"),
        ("drop command=x times=2", "01"),
        ("drop command=x", "0123"),
        ("drop command=y", ""),
    ],
)
def test_arguments(fault: str, found: str) -> None:
    talk = Talk(fault)
    for number, arguments in enumerate(
        ({"a": True}, {"a": 1}, {"a": {"b": [1, {}], "c": 2}}, {"b": "x", "a": 1})
    ):
        value = {"execute": "x", "arguments": arguments, "id": number}
        before = len(talk.happened)
        talk.client(json.dumps(value).encode())
        assert (len(talk.happened) > before) is (str(number) in found)


def test_data_of_an_event() -> None:
    talk = Talk('drop event=X data={"id": "a"}')
    talk.server(b'{"event": "X", "data": {"id": "b"}}{"event": "X", "data": {"id": "a", "b": 1}}')
    assert talk.got(Sender.SERVER) == b'{"event": "X", "data": {"id": "b"}}'


def test_replies_are_known_by_their_ids() -> None:
    talk = Talk("drop reply=x")
    talk.client(b'{"execute":"y","id":[1]}{"exec-oob":"x","id":"a"}{"execute":"x"}{"execute":"z"}')
    replies = [b'{"return":1,"id":"a"}', b'{"return":2}', b'{"return":3}', b'{"return":4,"id":[1]}']
    talk.server(b"".join(replies))
    assert talk.got(Sender.SERVER) == replies[2] + replies[3]


def test_the_dialect_of_qemu_is_read() -> None:
    talk = Talk("drop command=x")
    talk.client(b"{'execute': 'x', 'id': 'it\\'s'}{'execute': 'y'}")
    assert talk.got(Sender.CLIENT) == b"{'execute': 'y'}"


def test_swapped_ids() -> None:
    talk = Talk("swap-ids reply=x")
    talk.client(b'{"execute":"x","id":1}{"execute":"y","id":2}{"execute":"x","id":3}')
    talk.server(b'{"return":"x","id":1}\r\n{"return":"y","id":2}\r\n{"return":"z","id":3}\r\n')
    assert talk.got(Sender.SERVER) == (
        b'{"return":"x","id":2}\r\n{"return":"y","id":1}\r\n{"return":"z","id":3}\r\n'
    )


def test_an_error_in_place_of_a_command_waits_for_earlier_replies() -> None:
    talk = Talk("error command=y desc=no", answers=False)
    talk.client(b'{"execute":"x","id":1}\n{"execute":"y","id":2}\n{"execute":"z","id":3}\n')
    assert talk.got(Sender.CLIENT) == b'{"execute":"x","id":1}\n{"execute":"z","id":3}\n'
    talk.server(b'{"return":"x","id":1}\r\n{"return":"z","id":3}\r\n')
    error = b'{"id": 2, "error": {"class": "GenericError", "desc": "no"}}\r\n'
    assert talk.got(Sender.SERVER) == (
        b'{"return":"x","id":1}\r\n' + error + b'{"return":"z","id":3}\r\n'
    )


def test_an_event_waits_for_the_end_of_a_message() -> None:
    talk = Talk("inject X time=1")
    talk.server(b'{"return"')
    talk.until(2)
    assert talk.got(Sender.SERVER) == b'{"return"'  # a part passes at once
    talk.server(b": {}}\r\n")
    assert talk.lines().endswith(": {}}|; 2 <- {X}|")


def test_an_event_between_a_value_and_its_line_end() -> None:
    talk = Talk("inject X time=1")
    talk.server(b'{"return": {}}')
    talk.until(2)
    talk.server(b"\r\n{}\r\n")
    assert talk.got(Sender.SERVER).split(b"\r\n")[::2] == [b'{"return": {}}', b"{}"]
    assert b"\n\r\n" not in talk.got(Sender.SERVER)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize("fault", ["drop event=NONE", "drop command=none", "inject X time=99"])
def test_any_chunks_pass_unchanged(fault: str, size: int) -> None:
    data = b'{"a": "}\\""}\r\n\xff [1, \'"\']x{"b\n{\r\n    "c": {\r\n    }\r\n}\r\n{"'
    talk = Talk(fault, answers=False)
    for at in range(0, len(data), size):
        talk.server(data[at : at + size])
        talk.client(data[at : at + size])
    talk.eof(Sender.SERVER)
    talk.eof(Sender.CLIENT)
    assert talk.got(Sender.SERVER) == data
    assert talk.got(Sender.CLIENT) == data
    assert talk.lines().endswith("<- end; 0 -> end") or talk.lines().endswith("-> end")


def test_bytes_pass_at_once_where_no_fault_waits_for_a_message() -> None:
    talk = Talk("drop command=x", "drop message=1")
    talk.server(GREETING)
    talk.server(b'{"retu')
    assert talk.got(Sender.SERVER) == b'{"retu'
    talk.client(b'{"exec')
    assert talk.got(Sender.CLIENT) == b""


def test_a_message_that_is_too_long_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAULT_MESSAGE", 1000)
    talk = Talk("drop")
    long = b'{"return": "' + b"x" * 2000 + b'"}\r\n'
    for at in range(0, len(long), 100):
        talk.server(long[at : at + 100])
    talk.server(b'{"return": {}}\r\n')
    assert talk.got(Sender.SERVER) == long
    assert len(talk.happened) == 1


# --- Limits -------------------------------------------------------------------------------------


def test_what_is_held_back_stops_the_reading() -> None:
    talk = Talk("delay seconds=1")
    piece = b"x" * 65536
    for _ in range(17):
        talk.server(piece)
    assert talk.lines() == "0 server unread"
    assert talk.engine.held(Sender.SERVER) == 17 * 65536
    talk.until(1)
    assert talk.engine.held(Sender.SERVER) == 0
    assert talk.lines().endswith("server read")


def test_added_bytes_are_made_while_they_are_sent() -> None:
    talk = Talk("flood size=1G", "inject X count=1000000 time=1")
    assert talk.engine.held(Sender.SERVER) == 0
    for _ in range(5):
        assert talk.engine.next_due is not None
        talk.until(talk.engine.next_due)
    talk.engine.pause_output(Sender.SERVER)
    sent = len(talk.got(Sender.SERVER))
    assert 0 < sent <= 6 * limits.FAULT_PIECE
    talk.until(0.5)
    assert len(talk.got(Sender.SERVER)) == sent
    talk.engine.resume_output(Sender.SERVER)
    talk.until(0.5 + 3e-16)
    assert len(talk.got(Sender.SERVER)) > sent


def test_small_pieces_that_are_held_back_count_too() -> None:
    talk = Talk("stall sender=server")
    for _ in range(5000):
        talk.server(b"x")
    assert talk.lines() == "0 server unread"


def test_events_that_wait_for_the_end_of_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAULTS_WAITING", 5)
    talk = Talk("inject X after=a", answers=False)
    talk.server(b"{")
    for id in range(10):
        talk.client(command("a", id))
    talk.server(b"}")
    assert talk.got(Sender.SERVER).count(b"X") == 5


@pytest.mark.parametrize("seed", range(8))
def test_faults_of_time_change_no_byte(seed: int) -> None:
    """Whatever the chunks, the same bytes arrive, and descriptors with them."""
    chance = random.Random(seed)
    faults = [
        "delay seconds=0.5 jitter=0.5 permille=500",
        "drip command=a speed=50",
        "slices reply=a size=3 pause=0.01 permille=700",
        "coalesce seconds=0.2 sender=client",
        "stall after=a seconds=0.3",
        "stall event=X seconds=0.1",
        "delay sender=client byte=7 seconds=0.4",
    ]
    talk = Talk(*chance.sample(faults, 4), seed=seed, answers=False)
    data = (
        b'{"execute": "a", "id": 1}\r\n{"return": {"x": "}\\""}, "id": 1}\n{"event": "X"}\xff[' * 5
    )
    sent: dict[int, list[int]] = {0: [], 1000: []}
    for sender, first in ((talk.client, 0), (talk.server, 1000)):
        at = 0
        while at < len(data):
            size = chance.randint(1, 40)
            fds = (first + at,) if chance.random() < 0.1 else ()
            sent[first] += fds
            sender(data[at : at + size], fds)
            at += size
            talk.until(talk.now + chance.random() / 10)
    for side in Sender:
        talk.eof(side)
    talk.until(talk.now + 200)
    assert talk.got(Sender.CLIENT) == talk.got(Sender.SERVER) == data
    assert not talk.closed_fds
    arrived = [fd for _, fds in talk.fds for fd in fds]
    assert [fd for fd in arrived if fd < 1000] == sent[0]
    assert [fd for fd in arrived if fd >= 1000] == sent[1000]


def test_forgotten_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAULT_COMMANDS", 3)
    talk = Talk("drop reply=x", answers=False)
    for id in range(5):
        talk.client(command("x", id))
    for id in range(5):
        talk.server(reply("x", id))
    assert talk.got(Sender.SERVER) == reply("x", 0) + reply("x", 1)


# --- Descriptors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["delay seconds=1 sender=client", "delay command=getfd seconds=1"]
)
def test_descriptors_stay_with_their_bytes(fault: str) -> None:
    talk = Talk(fault)
    talk.client(b'{"execute": "stop", "id": 2}\n')
    talk.client(b'{"execute": "getfd", "id": 3}\n', (7, 8))
    talk.until(3)
    assert [(fds, b"getfd" in data) for data, fds in talk.fds] == [((7, 8), True)]
    assert not talk.closed_fds


def test_descriptors_of_a_message_in_parts() -> None:
    talk = Talk("drop command=none")
    talk.client(b'\n{"execute": ', (7,))
    talk.client(b'"getfd", "id": 3}\n', (8,))
    assert [fd for _, fds in talk.fds for fd in fds] == [7, 8]


@pytest.mark.parametrize(
    "fault", ["drop command=getfd", "cut command=getfd", "cut", "error command=getfd", "refuse"]
)
def test_descriptors_of_lost_messages_are_closed(fault: str) -> None:
    talk = Talk(fault)
    talk.client(b'{"execute": "getfd", "id": 3}\n', (7, 8))
    assert sorted(talk.closed_fds) == [7, 8]
    assert not talk.fds


@pytest.mark.parametrize(
    "fault", ["stall sender=client", "drop command=x", "reorder command=getfd"]
)
def test_descriptors_that_are_held_back_can_be_taken(fault: str) -> None:
    talk = Talk(fault)
    talk.client(b'{"execute": "getfd", "id": 3', (7,))
    if "reorder" in fault:
        talk.client(b"}")
    assert talk.engine.take_fds() == (7,)
    assert talk.engine.next_due is None


# --- Order, ends, chance ------------------------------------------------------------------------


def test_two_faults_at_one_message_in_the_order_of_the_plan() -> None:
    talk = Talk("error reply=stop", "duplicate reply=stop", "cut reply=stop byte=200").run()
    assert talk.got(Sender.SERVER).count(b'"injected fault"') == 2
    assert len(talk.happened) == 2  # the message has fewer bytes than 200


def test_the_end_stays_behind_delayed_bytes() -> None:
    talk = Talk("delay seconds=1")
    talk.server(GREETING)
    talk.eof(Sender.SERVER)
    talk.until(2)
    assert talk.lines() == "1 <- hello|; 1 <- end"


def test_an_end_releases_what_waits_for_a_next_message() -> None:
    talk = Talk("reorder event=STOP")
    talk.server(STOPPED + b'{"retu')
    talk.eof(Sender.SERVER)
    assert talk.lines() == '0 <- STOP|{"retu; 0 <- end'


def test_after_a_cut_nothing_is_sent() -> None:
    talk = Talk("cut after=stop").run()
    before = len(talk.log)
    talk.server(b"more")
    talk.client(b"more", (9,))
    talk.eof(Sender.SERVER)
    talk.until(99)
    assert len(talk.log) == before
    assert talk.closed_fds == [9]


def test_random_plans_repeat_and_end() -> None:
    """The same plan with the same seed does the same, comes to an end, and holds little."""
    for seed in range(60):
        faults = random_faults(seed, commands=COMMANDS)
        again = Faults(str(faults).splitlines())
        first, second = (Talk(*map(str, plan), seed=seed).run() for plan in (faults, again))
        assert first.log == second.log
        assert first.happened == second.happened
        for sender in Sender:
            assert first.engine.held(sender) <= limits.FAULT_HELD
